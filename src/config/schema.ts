import { z } from "zod";
import {
  address,
  flag,
  headers,
  list,
  mailAddress,
  mailAddresses,
  mailServer,
  oneOf,
  ratio,
  schedule,
  share,
  webAddress,
  wholeNumber,
} from "./variable-types.ts";

/** What people need to know about one variable, beside its type and default. */
export interface VariableFacts {
  readonly env: string;
  readonly description: string;
  readonly unit?: string;
  /** Which values it takes, where its name and unit do not say it. */
  readonly values?: string;
  /** Shown instead of the schema's own default, where that depends on the machine. */
  readonly defaultText?: string;
  readonly example: string;
  /** "all" of it, or only the "password" in an address, is kept out of logs and answers. */
  readonly secret?: "all" | "password";
  readonly section:
    | "Backends"
    | "Models"
    | "Synchronisation"
    | "Checks"
    | "Alerts"
    | "Limits"
    | "HTTP"
    | "Process";
}

const variableFacts = z.registry<VariableFacts>();

const hours = () => wholeNumber(1, 24 * 366);
const milliseconds = (min = 1) => wholeNumber(min, 24 * 3_600_000);

const variablesSchema = z.object({
  redisUrl: address(["redis", "rediss"]).optional().register(variableFacts, {
    env: "REDIS_URL",
    section: "Backends",
    description:
      "The Redis or Valkey server that holds the cache. Without it the cache lives inside the process.",
    example: "redis://localhost:6379/0",
    secret: "password",
  }),
  mongodbUri: address(["mongodb", "mongodb+srv"]).optional().register(variableFacts, {
    env: "MONGODB_URI",
    section: "Backends",
    description:
      "The MongoDB that holds the store. The path names the database, which is lockstep where there is no path. Without the variable the store is an SQLite file.",
    example: "mongodb://localhost:27017/lockstep",
    secret: "password",
  }),
  sqliteFile: z.string().register(variableFacts, {
    env: "LOCKSTEP_SQLITE_FILE",
    section: "Backends",
    description:
      "The file of the embedded store, used without MONGODB_URI. Several processes may share one file.",
    defaultText: "$XDG_STATE_HOME/lockstep/lockstep.db, else ~/.local/state/lockstep/lockstep.db",
    example: "./lockstep.db",
  }),
  cacheMaxMb: wholeNumber(1, 65_536).default(64).register(variableFacts, {
    env: "LOCKSTEP_CACHE_MAX_MB",
    section: "Backends",
    unit: "MB",
    description: "How much the cache inside the process may hold, used without REDIS_URL.",
    example: "256",
  }),

  modelsFile: z.string().optional().register(variableFacts, {
    env: "LOCKSTEP_MODELS_FILE",
    section: "Models",
    description:
      "A JSON file that declares existing MongoDB collections and how an application caches them in Redis, for check_cache_consistency and reconcile_model. docs/MODELS.md explains it.",
    example: "./lockstep-models.json",
  }),
  reconcilePerSec: wholeNumber(0, 1_000_000).default(2_000).register(variableFacts, {
    env: "LOCKSTEP_RECONCILE_PER_SEC",
    section: "Models",
    unit: "per s",
    description:
      "How many documents and keys reconcile_model looks at in a second, so that the application keeps its share of both servers; 0 sets no limit.",
    example: "500",
  }),

  syncMode: oneOf(["hybrid", "event-only"]).default("hybrid").register(variableFacts, {
    env: "LOCKSTEP_SYNC_MODE",
    section: "Synchronisation",
    values: "hybrid, event-only",
    description:
      "hybrid writes the shadow directly first and falls back to an outbox event; event-only always writes an event.",
    example: "event-only",
  }),
  syncTimeoutMs: milliseconds().default(2_000).register(variableFacts, {
    env: "LOCKSTEP_SYNC_TIMEOUT_MS",
    section: "Synchronisation",
    unit: "ms",
    description: "How long a direct shadow write may take before an event is used instead.",
    example: "5000",
  }),
  syncConcurrency: wholeNumber(1, 1_000).default(10).register(variableFacts, {
    env: "LOCKSTEP_SYNC_CONCURRENCY",
    section: "Synchronisation",
    description: "How many direct shadow writes run at once.",
    example: "20",
  }),
  syncWindowMs: wholeNumber(0, 1_000).default(2).register(variableFacts, {
    env: "LOCKSTEP_SYNC_WINDOW_MS",
    section: "Synchronisation",
    unit: "ms",
    description:
      "How long direct shadow writes wait for company while others are under way, to go as one bulk. A write that comes alone does not wait.",
    example: "5",
  }),
  syncBatchSize: wholeNumber(1, 10_000).default(200).register(variableFacts, {
    env: "LOCKSTEP_SYNC_BATCH_SIZE",
    section: "Synchronisation",
    description: "How many keys one bulk of direct shadow writes has at most.",
    example: "500",
  }),
  syncObjectiveMs: milliseconds().default(10_000).register(variableFacts, {
    env: "LOCKSTEP_SYNC_OBJECTIVE_MS",
    section: "Synchronisation",
    unit: "ms",
    description:
      "How old a write may get before the shadow has it; an older one counts as overdue.",
    example: "30000",
  }),
  outboxIntervalMs: milliseconds(10).default(2_000).register(variableFacts, {
    env: "LOCKSTEP_OUTBOX_INTERVAL_MS",
    section: "Synchronisation",
    unit: "ms",
    description: "How often the projector looks for outbox events and for writes left behind.",
    example: "1000",
  }),
  outboxBatchSize: wholeNumber(1, 10_000).default(500).register(variableFacts, {
    env: "LOCKSTEP_OUTBOX_BATCH_SIZE",
    section: "Synchronisation",
    unit: "events",
    description: "How many events the projector takes at once.",
    example: "50",
  }),
  outboxAttemptsMax: wholeNumber(1, 1_000).default(8).register(variableFacts, {
    env: "LOCKSTEP_OUTBOX_ATTEMPTS_MAX",
    section: "Synchronisation",
    unit: "attempts",
    description:
      "After how many failed attempts an event that the store refuses is parked, for outbox_dead_letters to list.",
    example: "3",
  }),
  outboxRetentionHours: hours().default(24).register(variableFacts, {
    env: "LOCKSTEP_OUTBOX_RETENTION_HOURS",
    section: "Synchronisation",
    unit: "h",
    description:
      "How long a processed event is kept; at least as long as LOCKSTEP_TOMBSTONE_GRACE_HOURS says.",
    example: "72",
  }),
  tombstoneGraceHours: hours().default(24).register(variableFacts, {
    env: "LOCKSTEP_TOMBSTONE_GRACE_HOURS",
    section: "Synchronisation",
    unit: "h",
    description:
      "How long a delete is remembered, so that nothing that was written before it can bring the key back.",
    example: "72",
  }),
  readThrough: flag().default(true).register(variableFacts, {
    env: "LOCKSTEP_READ_THROUGH",
    section: "Synchronisation",
    values: "true, false",
    description:
      "Whether a read that misses the cache is answered from the store and cached again.",
    example: "false",
  }),
  readWhileRecovering: flag().default(false).register(variableFacts, {
    env: "LOCKSTEP_READ_WHILE_RECOVERING",
    section: "Synchronisation",
    values: "true, false",
    description:
      "Whether a read is answered, with a warning, from a Redis that has lost state and is being recovered. It may then show an older value than the last one acknowledged; otherwise it waits, and fails with RECOVERING.",
    example: "true",
  }),
  residencyTtlSec: wholeNumber(1, 365 * 86_400)
    .optional()
    .register(variableFacts, {
      env: "LOCKSTEP_RESIDENCY_TTL_SEC",
      section: "Synchronisation",
      unit: "s",
      description:
        "How long a synced copy stays in the cache when nobody reads it. Without it, as long as the cache has room.",
      example: "86400",
    }),
  staleAfterHours: hours().default(24).register(variableFacts, {
    env: "LOCKSTEP_STALE_AFTER_HOURS",
    section: "Synchronisation",
    unit: "h",
    description: "After how long without a write verify_cache_sync lists a key as stale.",
    example: "168",
  }),
  namespaces: list().default([]).register(variableFacts, {
    env: "LOCKSTEP_NAMESPACES",
    section: "Synchronisation",
    values: "comma-separated, each the beginning of keys",
    description:
      "What the keys of every known namespace begin with: verify_cache_sync then also names stored keys that begin with none of these, as a warning. Without it, all keys are known.",
    example: "user:,session:",
  }),
  undoRetentionHours: hours().default(24).register(variableFacts, {
    env: "LOCKSTEP_UNDO_RETENTION_HOURS",
    section: "Synchronisation",
    unit: "h",
    description:
      "How long undo_sync_repair can bring back what an applied plan has replaced or removed.",
    example: "168",
  }),
  undoKeysMax: wholeNumber(1_000, 1_000_000).default(10_000).register(variableFacts, {
    env: "LOCKSTEP_UNDO_KEYS_MAX",
    section: "Synchronisation",
    unit: "keys",
    description:
      "Of how many keys, over all applied plans, the store keeps what a repair took away; a plan that is applied pushes the oldest ones out. Plans that wait to be applied have as much room of their own.",
    example: "50000",
  }),
  historyEvents: wholeNumber(0, 10_000_000).default(20_000).register(variableFacts, {
    env: "LOCKSTEP_HISTORY_EVENTS",
    section: "Synchronisation",
    unit: "events",
    description:
      "How many events of keys each process remembers for explain_key, of those that were busy last; about 200 bytes each. 0 remembers none.",
    example: "100000",
  }),
  historyEventsPerKey: wholeNumber(1, 1_000).default(50).register(variableFacts, {
    env: "LOCKSTEP_HISTORY_EVENTS_PER_KEY",
    section: "Synchronisation",
    unit: "events",
    description: "How many of them may be of one key.",
    example: "200",
  }),
  historyKept: wholeNumber(0, 1_000_000).default(10_000).register(variableFacts, {
    env: "LOCKSTEP_HISTORY_KEPT",
    section: "Synchronisation",
    unit: "events",
    description:
      "How many rare events (repairs and their undoing, losses, parked writes, evictions noticed) the store keeps for explain_key, from all processes. 0 keeps none.",
    example: "100000",
  }),
  historyRetentionHours: hours().default(168).register(variableFacts, {
    env: "LOCKSTEP_HISTORY_RETENTION_HOURS",
    section: "Synchronisation",
    unit: "h",
    description: "How long it keeps them.",
    example: "720",
  }),
  healthIntervalMs: milliseconds(1_000).default(300_000).register(variableFacts, {
    env: "LOCKSTEP_HEALTH_INTERVAL_MS",
    section: "Synchronisation",
    unit: "ms",
    description: "How often cache and store are compared in the background.",
    example: "60000",
  }),
  loadPoolRatio: ratio().default(0.8).register(variableFacts, {
    env: "LOCKSTEP_LOAD_POOL_RATIO",
    section: "Synchronisation",
    values: "above 0, at most 1",
    description: "Load is high when this share of the direct writes, or more, is busy.",
    example: "0.9",
  }),
  loadQueued: wholeNumber(0, 1_000_000).default(0).register(variableFacts, {
    env: "LOCKSTEP_LOAD_QUEUED",
    section: "Synchronisation",
    unit: "tasks",
    description: "Load is high when more than this many direct writes wait.",
    example: "5",
  }),
  loadUnprocessed: wholeNumber(0, 1_000_000_000).default(100).register(variableFacts, {
    env: "LOCKSTEP_LOAD_UNPROCESSED",
    section: "Synchronisation",
    unit: "events",
    description: "Load is high when more than this many events are unprocessed.",
    example: "1000",
  }),
  pressureMemoryRatio: ratio().default(0.9).register(variableFacts, {
    env: "LOCKSTEP_PRESSURE_MEMORY_RATIO",
    section: "Synchronisation",
    values: "above 0, at most 1",
    description:
      "New writes are refused (OVERLOADED) when Redis cannot let go of this share of its maxmemory. They are slowed down from 85 % of that on, and go in larger batches from 70 % on.",
    example: "0.8",
  }),
  pressureUnsyncedMb: wholeNumber(0, 1_000_000_000).default(0).register(variableFacts, {
    env: "LOCKSTEP_PRESSURE_UNSYNCED_MB",
    section: "Synchronisation",
    unit: "MB",
    description:
      "The same when about this much waits for the store in Redis; 0 sets no limit beside the memory.",
    example: "512",
  }),
  pressureUnsyncedAgeSec: wholeNumber(0, 1_000_000_000).default(0).register(variableFacts, {
    env: "LOCKSTEP_PRESSURE_UNSYNCED_AGE_SEC",
    section: "Synchronisation",
    unit: "s",
    description:
      "The same when the oldest write has waited this long for the store; 0 lets an outage last as long as there is room.",
    example: "3600",
  }),
  pressureOutboxEvents: wholeNumber(0, 1_000_000_000).default(1_000_000).register(variableFacts, {
    env: "LOCKSTEP_PRESSURE_OUTBOX_EVENTS",
    section: "Synchronisation",
    unit: "events",
    description:
      "The same when this many outbox events are unprocessed, so that the outbox cannot fill the store's disk; 0 sets no limit.",
    example: "100000",
  }),

  checkCron: schedule().default("0 3 * * *").register(variableFacts, {
    env: "LOCKSTEP_CHECK_CRON",
    section: "Checks",
    values:
      "daily (03:00), weekly (Sunday 03:30), off, or five cron fields: minute, hour, day, month, weekday; all UTC",
    defaultText: "daily",
    description:
      "When one of all instances checks every model or, without models, every key of cache and store. A time that passed while none was up is made up for once, by the next that is up for half a minute.",
    example: "15 2 * * *",
  }),
  checkSampleSize: wholeNumber(0, 10_000_000).default(1_000).register(variableFacts, {
    env: "LOCKSTEP_CHECK_SAMPLE_SIZE",
    section: "Checks",
    unit: "copies",
    values: "0 = all",
    description:
      "How many cached entries of each model that check looks at. The keys of cache and store it always verifies all.",
    example: "0",
  }),
  reconcileCron: schedule().default("30 3 * * 0").register(variableFacts, {
    env: "LOCKSTEP_RECONCILE_CRON",
    section: "Checks",
    values: "as LOCKSTEP_CHECK_CRON",
    defaultText: "weekly",
    description: "When one of all instances reconciles every model, as a whole.",
    example: "off",
  }),
  checkResultsKeep: wholeNumber(1, 100_000).default(500).register(variableFacts, {
    env: "LOCKSTEP_CHECK_RESULTS_KEEP",
    section: "Checks",
    description:
      "How many results of each job and model are kept in the store, for list_check_results.",
    example: "1000",
  }),
  checkResultsDays: wholeNumber(1, 3_660).default(90).register(variableFacts, {
    env: "LOCKSTEP_CHECK_RESULTS_DAYS",
    section: "Checks",
    unit: "days",
    description: "How long they are kept.",
    example: "365",
  }),
  sampler: flag().default(true).register(variableFacts, {
    env: "LOCKSTEP_SAMPLER",
    section: "Checks",
    values: "true, false",
    description:
      "Whether calls set off a look at a sample now and then, in the background and never under high load.",
    example: "false",
  }),
  samplerProbability: share().default(0.01).register(variableFacts, {
    env: "LOCKSTEP_SAMPLER_PROBABILITY",
    section: "Checks",
    values: "from 0 to 1",
    description: "The chance of such a look with each call.",
    example: "0.001",
  }),
  samplerIntervalSec: wholeNumber(1, 366 * 86_400)
    .default(3_600)
    .register(variableFacts, {
      env: "LOCKSTEP_SAMPLER_INTERVAL_SEC",
      section: "Checks",
      unit: "s",
      description: "One model is looked at once in this time at most, by all instances together.",
      example: "600",
    }),
  samplerSampleSize: wholeNumber(1, 100_000).default(50).register(variableFacts, {
    env: "LOCKSTEP_SAMPLER_SAMPLE_SIZE",
    section: "Checks",
    unit: "copies",
    description: "How many copies a sample has.",
    example: "100",
  }),
  samplerSampleSizeMax: wholeNumber(1, 100_000).default(500).register(variableFacts, {
    env: "LOCKSTEP_SAMPLER_SAMPLE_SIZE_MAX",
    section: "Checks",
    unit: "copies",
    description:
      "How many it may have where earlier looks were so near the threshold that the usual sample could not tell; as many as LOCKSTEP_SAMPLER_SAMPLE_SIZE keeps the size fixed.",
    example: "50",
  }),
  samplerThreshold: ratio().default(0.9).register(variableFacts, {
    env: "LOCKSTEP_SAMPLER_THRESHOLD",
    section: "Checks",
    values: "above 0, at most 1",
    description: "A smaller share of sound copies in a sample is logged as a warning.",
    example: "0.99",
  }),
  samplerReconcileBelow: share().default(0.7).register(variableFacts, {
    env: "LOCKSTEP_SAMPLER_RECONCILE_BELOW",
    section: "Checks",
    values: "from 0 to 1; 0 = never",
    description:
      "Below this share the model is reconciled at once, 1,000 documents and entries of it at most; the next time goes on from there. The keys of cache and store are never repaired without being asked.",
    example: "0",
  }),

  alertWebhookUrl: webAddress().optional().register(variableFacts, {
    env: "LOCKSTEP_ALERT_WEBHOOK_URL",
    section: "Alerts",
    description:
      "Where the health check posts an alert as JSON when its result changes; docs/alert.schema.json describes the body.",
    example: "https://alerts.example.com/lockstep",
    secret: "all",
  }),
  alertWebhookHeaders: headers().optional().register(variableFacts, {
    env: "LOCKSTEP_ALERT_WEBHOOK_HEADERS",
    section: "Alerts",
    values: "a JSON object",
    description: "HTTP headers that go with it, such as a token.",
    example: '{"authorization":"Bearer a-long-random-text"}',
    secret: "all",
  }),
  alertSlackUrl: webAddress().optional().register(variableFacts, {
    env: "LOCKSTEP_ALERT_SLACK_URL",
    section: "Alerts",
    description: "The incoming webhook of a Slack channel for the same alerts.",
    example: "https://hooks.slack.com/services/…",
    secret: "all",
  }),
  alertSmtpUrl: mailServer().optional().register(variableFacts, {
    env: "LOCKSTEP_ALERT_SMTP_URL",
    section: "Alerts",
    values: "smtp:// or smtps://",
    description:
      "The mail server that sends the same alerts to LOCKSTEP_ALERT_EMAIL_TO. With a user and password, smtp:// insists on STARTTLS, except to this machine.",
    example: "smtp://lockstep:password@mail.example.com:587",
    secret: "password",
  }),
  alertEmailFrom: mailAddress().optional().register(variableFacts, {
    env: "LOCKSTEP_ALERT_EMAIL_FROM",
    section: "Alerts",
    description: "Who these mails are from.",
    example: "lockstep@example.com",
  }),
  alertEmailTo: mailAddresses().default([]).register(variableFacts, {
    env: "LOCKSTEP_ALERT_EMAIL_TO",
    section: "Alerts",
    values: "comma-separated",
    description: "Whom they are for.",
    example: "ops@example.com,oncall@example.com",
  }),
  alertRemindHours: wholeNumber(0, 24 * 366)
    .default(24)
    .register(variableFacts, {
      env: "LOCKSTEP_ALERT_REMIND_HOURS",
      section: "Alerts",
      unit: "h",
      values: "0 = never",
      description: "After how long an alert is repeated while what it says lasts.",
      example: "4",
    }),
  alertTimeoutMs: milliseconds().default(10_000).register(variableFacts, {
    env: "LOCKSTEP_ALERT_TIMEOUT_MS",
    section: "Alerts",
    unit: "ms",
    description:
      "How long one attempt to deliver an alert may take. There are four, over half a minute, and again with the next health check.",
    example: "30000",
  }),

  keyMaxBytes: wholeNumber(1, 8_192).default(1_024).register(variableFacts, {
    env: "LOCKSTEP_KEY_MAX_BYTES",
    section: "Limits",
    unit: "bytes",
    description: "The longest key, in UTF-8.",
    example: "256",
  }),
  // MongoDB's documents end at 16 MiB, and the shadow keeps more than the value.
  valueMaxBytes: wholeNumber(1, 15 * 1024 * 1024)
    .default(1_048_576)
    .register(variableFacts, {
      env: "LOCKSTEP_VALUE_MAX_BYTES",
      section: "Limits",
      unit: "bytes",
      description: "The largest value, in UTF-8.",
      example: "65536",
    }),
  callTimeoutMs: milliseconds().default(60_000).register(variableFacts, {
    env: "LOCKSTEP_CALL_TIMEOUT_MS",
    section: "Limits",
    unit: "ms",
    description: "How long one tool call may take.",
    example: "300000",
  }),

  httpPort: wholeNumber(0, 65_535).default(8_080).register(variableFacts, {
    env: "LOCKSTEP_HTTP_PORT",
    section: "HTTP",
    values: "0 takes any free port",
    description: "The port of the HTTP server.",
    example: "9090",
  }),
  httpHost: z.string().default("127.0.0.1").register(variableFacts, {
    env: "LOCKSTEP_HTTP_HOST",
    section: "HTTP",
    description:
      "The address the HTTP server listens on. One that other machines can reach needs LOCKSTEP_HTTP_TOKEN.",
    example: "0.0.0.0",
  }),
  httpToken: z
    .string()
    .regex(/^[\x21-\x7e]+$/, { error: "must be printable ASCII without spaces" })
    .optional()
    .register(variableFacts, {
      env: "LOCKSTEP_HTTP_TOKEN",
      section: "HTTP",
      description:
        "The bearer token every HTTP request must carry. The shell form sends it too when it asks a running server.",
      example: "a-long-random-text",
      secret: "all",
    }),
  httpSessions: flag().default(true).register(variableFacts, {
    env: "LOCKSTEP_HTTP_SESSIONS",
    section: "HTTP",
    values: "true, false",
    description:
      "Whether /mcp keeps a session per client. Without sessions each request stands alone, as a load balancer without affinity needs it.",
    example: "false",
  }),
  httpSessionIdleMinutes: wholeNumber(1, 7 * 24 * 60)
    .default(30)
    .register(variableFacts, {
      env: "LOCKSTEP_HTTP_SESSION_IDLE_MINUTES",
      section: "HTTP",
      unit: "min",
      description: "How long a session lives after its last request has ended.",
      example: "120",
    }),
  httpSessionsMax: wholeNumber(1, 100_000).default(1_000).register(variableFacts, {
    env: "LOCKSTEP_HTTP_SESSIONS_MAX",
    section: "HTTP",
    description:
      "How many sessions there may be. One more takes the place of the one that has been idle longest.",
    example: "100",
  }),
  httpBodyMaxBytes: wholeNumber(1_024, 1_073_741_824).default(8_388_608).register(variableFacts, {
    env: "LOCKSTEP_HTTP_BODY_MAX_BYTES",
    section: "HTTP",
    unit: "bytes",
    description: "The largest request body.",
    example: "1048576",
  }),
  allowedHosts: list().default([]).register(variableFacts, {
    env: "LOCKSTEP_ALLOWED_HOSTS",
    section: "HTTP",
    values: "comma-separated, each a name or name:port",
    description: "Host headers to accept beside the server's own addresses.",
    example: "lockstep.internal,lockstep.internal:8080",
  }),
  allowedOrigins: list().default([]).register(variableFacts, {
    env: "LOCKSTEP_ALLOWED_ORIGINS",
    section: "HTTP",
    values: "comma-separated, each scheme://name or scheme://name:port",
    description:
      "Web pages that may call the server beside those of this machine. They get CORS headers.",
    example: "https://inspector.example.com",
  }),

  logLevel: oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
    .default("info")
    .register(variableFacts, {
      env: "LOCKSTEP_LOG_LEVEL",
      section: "Process",
      values: "trace, debug, info, warn, error, fatal, silent",
      description: "The least serious log lines to write, always to stderr.",
      example: "debug",
    }),
  shutdownTimeoutMs: milliseconds(0).default(10_000).register(variableFacts, {
    env: "LOCKSTEP_SHUTDOWN_TIMEOUT_MS",
    section: "Process",
    unit: "ms",
    description: "How long running calls may still take when the server is told to stop.",
    example: "30000",
  }),
});

/** Every variable the server reads, in the order in which the documentation lists them. */
export const configSchema = variablesSchema.superRefine((config, context) => {
  const needs = (field: keyof typeof config, other: string) =>
    context.addIssue({ code: "custom", path: [field], message: `is of no use without ${other}` });
  const { alertSmtpUrl, alertEmailFrom, alertEmailTo } = config;
  if (alertSmtpUrl !== undefined && alertEmailFrom === undefined)
    needs("alertSmtpUrl", "LOCKSTEP_ALERT_EMAIL_FROM");
  if (alertSmtpUrl !== undefined && alertEmailTo.length === 0)
    needs("alertSmtpUrl", "LOCKSTEP_ALERT_EMAIL_TO");
  if (alertSmtpUrl === undefined && alertEmailTo.length > 0)
    needs("alertEmailTo", "LOCKSTEP_ALERT_SMTP_URL");
  if (config.alertWebhookUrl === undefined && config.alertWebhookHeaders !== undefined)
    needs("alertWebhookHeaders", "LOCKSTEP_ALERT_WEBHOOK_URL");
});

/** The parsed configuration. Values are ready to use; nothing else reads the environment. */
export type Config = Readonly<z.output<typeof configSchema>>;

export interface Variable extends VariableFacts {
  /** Its name in {@link Config}. */
  readonly field: keyof Config;
}

/** Every variable with its facts, in the order of the schema. */
export function listVariables(): readonly Variable[] {
  return Object.entries(configSchema.shape).map(([field, schema]) => {
    const facts = variableFacts.get(schema);
    if (facts === undefined) throw new Error(`The field ${field} has no facts.`);
    return { ...facts, field: field as keyof Config };
  });
}
