import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Behaviour } from "./alert-receiver.ts";

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Headers and body, as they came. */
  readonly text: string;
}

/** As much of a mail server as one plain conversation needs (RFC 5321): EHLO, AUTH PLAIN, MAIL, RCPT, DATA, QUIT. */
export class SmtpReceiver {
  readonly received: ReceivedMail[] = [];
  /** What came as AUTH PLAIN, decoded. */
  readonly logins: string[] = [];
  behaviour: Behaviour = "accepts";
  /** Recipients it does not know, whatever its behaviour. */
  readonly unknown = new Set<string>();
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => this.#talk(socket));

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  static async open(): Promise<SmtpReceiver> {
    const receiver = new SmtpReceiver();
    receiver.#server.listen(0, "127.0.0.1");
    await once(receiver.#server, "listening");
    return receiver;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }

  #talk(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => undefined);
    if (this.behaviour === "hangs") return;
    let mail = { from: "", to: [] as string[] };
    let data: string | undefined;
    let waiting = "";
    const say = (line: string) => socket.write(`${line}\r\n`);
    say("220 test ESMTP");
    socket.setEncoding("utf8").on("data", (text: string) => {
      waiting += text;
      for (let end = waiting.indexOf("\r\n"); end >= 0; end = waiting.indexOf("\r\n")) {
        const line = waiting.slice(0, end);
        waiting = waiting.slice(end + 2);
        if (data !== undefined && line !== ".") {
          data += `${line}\n`;
        } else if (data !== undefined) {
          this.received.push({ ...mail, text: data });
          data = undefined;
          mail = { from: "", to: [] };
          say("250 taken");
        } else {
          const answer = this.#answer(line, mail);
          if (answer.startsWith("354")) data = "";
          say(answer);
          if (answer.startsWith("221")) socket.end();
        }
      }
    });
  }

  #answer(line: string, mail: { from: string; to: string[] }): string {
    const [verb = "", ...words] = line.split(" ");
    switch (verb.toUpperCase()) {
      case "EHLO":
        return "250-test\r\n250 AUTH PLAIN";
      case "AUTH":
        this.logins.push(Buffer.from(words.at(-1) ?? "", "base64").toString());
        return "235 welcome";
      case "MAIL":
        mail.from = addressIn(line);
        if (this.behaviour === "fails") return "451 try later";
        return this.behaviour === "refuses" ? "550 not from you" : "250 fine";
      case "RCPT":
        if (this.unknown.has(addressIn(line))) return "550 nobody of that name";
        mail.to.push(addressIn(line));
        return "250 fine";
      case "DATA":
        return "354 go on";
      case "QUIT":
        return "221 bye";
      default:
        return "500 what?";
    }
  }
}

function addressIn(line: string): string {
  return /<(.*?)>/.exec(line)?.[1] ?? "";
}
