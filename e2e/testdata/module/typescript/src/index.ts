import { dag, File, object, func } from "@dagger.io/dagger"

@object()
export class Caller {
  /** What every event and a push tell, as one reads it in TypeScript. */
  @func()
  async push(eventTrigger: File): Promise<string> {
    const ci = dag.pocketci(eventTrigger)
    const push = ci.commitPush()
    return [
      await ci.eventType(),
      await ci.branch(),
      await ci.repository().fullName(),
      await push.headCommit().sha(),
      await push.headCommit().author().name(),
      (await ci.changes()).join(","),
    ].join("\n")
  }
}
