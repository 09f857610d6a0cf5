import type { Alert } from "./alert-schema.ts";

export type SinkName = "webhook" | "slack" | "email";

/** What came of one attempt: refused = the same alert would be refused again; failed = a later attempt may do. */
export type Delivery =
  | {
      readonly outcome: "delivered";
      /** What of it did not work, where not all did; a phrase as below. */
      readonly but?: string;
    }
  | {
      readonly outcome: "refused" | "failed";
      /** A phrase for the log, without any address or secret. */
      readonly why: string;
    };

/** Somewhere an alert goes. */
export interface AlertSink {
  readonly name: SinkName;

  /**
   * One attempt. Never fails: every failure is an outcome. Gives up soon after `signal` aborts; the alert may have arrived
   * all the same. Waits for no more than the other side's word that it has taken the alert.
   */
  deliver(alert: Alert, signal: AbortSignal): Promise<Delivery>;
}
