# The local interface of the license daemon `entitled`.
#
# Transport: plain two-party Cap'n Proto RPC over a Unix stream socket (a named pipe on Windows). Any language's
# implementation can call it from this file alone. Two sockets:
#   /run/entitled/entitled.sock            bootstrap: Entitled (queries; any local user by default)
#   /run/entitled-admin/admin.sock         bootstrap: Admin    (root and group entitle-admin)
# There is no way from one to the other.
#
# Stability: ordinals are append-only; a field or method is never removed, renumbered or given another meaning. Fields
# added later read as zero, empty or null from an older daemon. Enumerants may be added: treat an unknown one as "other".
# Limits: a message has at most 15 segments and 8,192 words (64 KiB); at most 1,024 calls may be open on a connection;
# the first message must arrive within 2 seconds. A connection that breaks a limit is closed. At most 16 subscriptions on
# a connection; one more is an exception, and the connection stays. Words, calls and time are defaults: entitled.toml(5).
#
# Outcomes: a denial is an answer (a union or an enum), never an exception. An exception means a fault or a broken rule.
# Times: seconds since 1970-01-01 UTC; 0 means "none".

@0xdc6c72094b2a1bef;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("entitle::wire");

using Instant = Int64;  # seconds since 1970-01-01 UTC; 0: none

enum Standing {
  demo @0;
  active @1;
  grace @2;          # the document is past its freshness; every right is kept until the deadline
  windingDown @3;    # rights ended; held slots may finish until the deadline
  expired @4;
  revoked @5;
  suspended @6;
  notYetValid @7;    # the machine's clock stands before the license begins
  wrongDevice @8;    # the license belongs to other hardware
}

enum Reason {
  granted @0;
  demo @1;           # allowed, by demo mode
  inGrace @2;        # allowed, in grace
  notInPlan @3;
  demoLimited @4;
  expired @5;
  windingDown @6;
  revoked @7;
  suspended @8;
  notYetValid @9;
  wrongDevice @10;
  unknownName @11;   # no such feature or quota
  badName @12;       # not a name: 1 to 48 of [a-z0-9_]
  quotaExceeded @13;
  demoDisabled @14;
}

struct Verdict {
  allowed @0 :Bool;
  reason @1 :Reason;
  message @2 :Text;  # a sentence a person can act on; empty when allowed without condition
  until @3 :Instant; # when the answer may change; 0: not known
}

enum Trust {
  development @0;    # roots come from this machine's configuration: not for production
  compiledIn @1;     # roots are compiled into the daemon
}

# Everything a person asks first. Cheap: no disk, no network.
struct Status {
  standing @0 :Standing;
  message @1 :Text;           # one sentence on the standing and what to do
  licenseId @2 :Text;         # "" in demo
  licenseType @3 :Text;
  plan @4 :Text;
  maxBots @5 :Int64;          # -1: unlimited; for new slots, in force now
  botsInUse @6 :UInt32;
  deviceId @7 :Text;
  issuedAt @8 :Instant;
  freshUntil @9 :Instant;     # end of the document's freshness
  graceUntil @10 :Instant;    # the last moment of grace
  endsAt @11 :Instant;        # the license's real end, if it has one
  windDownUntil @12 :Instant; # held slots may finish until then
  sequence @13 :UInt64;
  trust @14 :Trust;
  authority @15 :Text;        # the pinned authority's id; "" if none is configured
  binding @16 :Match;
  keyLevel @17 :Text;         # how the device key rests on disk: "file", "systemd-creds", "tpm2"
  version @18 :Text;          # of the daemon
  serverTime @19 :Instant;    # the daemon's wall clock
  clockSynced @20 :Bool;
  startedAt @21 :Instant;
  requestPending @22 :Bool;   # an offline request waits for its answer
  generation @23 :UInt64;     # rises with every change an observer would be told of
  container @24 :Bool;
  authorityUrl @25 :Text;     # "": licenses come by file, nothing is asked online
  nextContact @26 :Instant;   # when the authority is asked next; in the past: it is being asked
  lastContact @27 :Instant;
  lastFailureAt @28 :Instant; # nothing since the last contact
  lastFailure @29 :Text;      # a sentence
  activating @30 :Bool;       # an activation waits for its answer
  returningSeat @31 :Bool;    # a seat is given back as soon as the authority can be reached
  conflictAt @32 :Instant;    # when the authority saw a copy of this device
  clockFlag @33 :ClockFlag;
  believedTime @34 :Instant;  # what the daemon takes the time to be
  clockBudget @35 :Int64;     # seconds of uptime left while the clock is flagged, until contact
  # What the authority said instead of yes to a question that still waits: a stable word, e.g. "approval_waits", and a
  # sentence. "": nothing.
  authorityCode @36 :Text;
  authorityMessage @37 :Text;
}

# Whether the machine's clock is believed. Under a flag the license stays in force for `clockBudget`.
enum ClockFlag {
  none @0;
  rollback @1;       # turned back
  unset @2;          # not set since the machine started: a dead battery
  snapshot @3;       # the machine was put back to an earlier state
}

struct FeatureVerdict {
  name @0 :Text;
  verdict @1 :Verdict;
}

struct Quota {
  name @0 :Text;
  limit @1 :Int64;      # -1: unlimited
  inUse @2 :UInt32;     # held, and awaiting reclaim
  awaiting @3 :UInt32;  # of those, awaiting reclaim after a restart of the daemon
  yours @4 :UInt32;     # of those in use, held by your user
  verdict @5 :Verdict;  # would one more be granted now?
}

enum Match {
  same @0;
  drift @1;       # works for 7 days offline; ask for a new document before
  different @2;
}

struct ComponentMatch {
  name @0 :Text;
  weight @1 :UInt16;
  strong @2 :Bool;
  result @3 :Result;
  enum Result {
    matched @0;
    changed @1;
    unreadable @2;  # counts half
    present @3;     # nothing is enrolled yet: the component is readable and would be
  }
}

struct Fingerprint {
  enrolled @0 :Bool;              # false: no license; components are what an enrolment would take
  match @1 :Match;
  score @2 :Float64;              # 0 to 1
  components @3 :List(ComponentMatch);
  changesLeft @4 :UInt16;         # further changes, heaviest first, that keep the match SAME
  virtualMachine @5 :Bool;
  container @6 :Bool;
  advice @7 :Text;                # what a person should do; "" if nothing
  driftUntil @8 :Instant;
}

# One finding of the daemon about itself. `doctor` prints them beside its own.
struct Finding {
  check @0 :Text;     # stable name: "license", "clock", "disk", "hardware", "roots", "key", …
  level @1 :Level;
  message @2 :Text;
  advice @3 :Text;    # "" if nothing is to be done
  enum Level {
    ok @0;
    warning @1;
    problem @2;
  }
}

struct SlotInfo {
  id @0 :UInt64;
  quota @1 :Text;
  count @2 :UInt32;
  label @3 :Text;
  uid @4 :UInt32;
  pid @5 :Int32;        # diagnostic
  since @6 :Instant;
  awaiting @7 :Bool;    # its holder has not come back since the daemon's restart
}

struct Changed {
  generation @0 :UInt64;
  standing @1 :Standing;
  status @2 :Status;    # the whole of it: later changes coalesce to the latest
}

# The program's side of `subscribe`. At most one call is in flight; changes in between coalesce to the latest.
interface Observer {
  changed @0 (change :Changed) -> ();
}

# Held as long as you want to be told. Drop it to stop.
interface Subscription {}

# A right to `count` units of a quota. It ends when this capability is dropped, when `release` is called, when the
# connection closes, or when the process that acquired it dies, even if a child keeps its socket open.
interface Slot {
  info @0 () -> (slot :SlotInfo);   # count 0: it ended, by whatever hand
  release @1 () -> ();
}

struct Held {
  slot @0 :Slot;
  id @1 :UInt64;
  # 16 bytes. With it, the same user takes the slot back after the daemon restarted. Keep it in memory only.
  secret @2 :Data;
}

# Bootstrap of the query socket.
interface Entitled {
  status @0 () -> (status :Status);

  # May this machine use a feature? Known features: see `features`.
  check @1 (feature :Text) -> (verdict :Verdict);

  # Every feature known, with its verdict, in the order people see them.
  features @2 () -> (features :List(FeatureVerdict));

  # name "bots". An unknown name is an answer: verdict.reason is unknownName.
  quota @3 (name :Text) -> (quota :Quota);

  # Takes `count` units (1 to 10,000) at once or none. `label`: up to 64 bytes of printable UTF-8, for people.
  acquire @4 (quota :Text, count :UInt32, label :Text) -> (outcome :AcquireOutcome);

  # Takes back a slot held before the daemon restarted, or over a connection that broke. Same user only. Repeating is
  # harmless; the latest connection wins and earlier capabilities of the slot become inert.
  reclaim @5 (secret :Data) -> (outcome :ReclaimOutcome);

  # Slots of your own user, ids above `after`, ascending. `most` 0 means 100; never more than 200.
  slots @6 (after :UInt64, most :UInt32) -> (slots :List(SlotInfo), next :UInt64);

  # Tells the observer the present state at once, then every change.
  subscribe @7 (observer :Observer) -> (subscription :Subscription);

  fingerprint @8 () -> (fingerprint :Fingerprint);

  # What the daemon finds right and wrong about itself. May read the disk.
  diagnose @9 () -> (findings :List(Finding));
}

struct AcquireOutcome {
  union {
    held @0 :Held;
    denied @1 :Verdict;
  }
}

struct ReclaimOutcome {
  union {
    held @0 :Held;
    unknownSecret @1 :Void;  # released, expired or never given
    otherUser @2 :Void;
  }
}

# Why an admin call changed nothing. `message` says what to do.
struct Refusal {
  code @0 :Text;     # stable, e.g. "bad-signature", "lower-sequence", "no-roots", "container"
  message @1 :Text;
}

struct AuditEntry {
  index @0 :UInt64;
  time @1 :Instant;
  kind @2 :Text;     # "started", "imported", "standing", "denied", "slot-released", "checkpoint", …
  detail @3 :Text;   # one line of JSON: an object
  hash @4 :Data;     # 32 bytes: of this entry, chained over the one before
}

# Bootstrap of the admin socket.
interface Admin {
  # An offline request for this machine: a text file to carry to the authority. While one waits for its answer the same
  # request is written again, unless `fresh`. `hostLabel` is a name for people, up to 64 bytes.
  request @0 (hostLabel :Text, fresh :Bool) -> (outcome :RequestOutcome);

  # A license file as the authority issued it, or an update file (key set and revocations, for a machine that is never
  # online), as text, at most 65,024 bytes: what fits one message. Verified and stored before anything changes.
  import @1 (document :Text) -> (outcome :ImportOutcome);

  # Gives the license up: back to demo. The document cannot be imported again; ask for a new one. The seat of a license
  # that was activated online is given back to the authority, now or as soon as it can be reached.
  deactivate @2 () -> (outcome :DeactivateOutcome);

  # Slots of all users, as Entitled.slots.
  slots @3 (after :UInt64, most :UInt32) -> (slots :List(SlotInfo), next :UInt64);

  # Takes a slot away from whoever holds it. found = false: it was gone already.
  releaseSlot @4 (id :UInt64) -> (found :Bool);

  # Entries with an index above `after`, ascending. `most` 0 means 50; never more than 100. next = 0: no more.
  audit @5 (after :UInt64, most :UInt32) -> (entries :List(AuditEntry), next :UInt64);

  # Reads the whole log from disk and checks chain and signatures.
  verifyAudit @6 () -> (result :AuditCheck);

  # Counters and gauges, one sample each, in the terms of Prometheus. `entitlectl metrics` prints its text format.
  metrics @7 () -> (metrics :List(Metric));

  # The same questions as on the query socket.
  entitled @8 () -> (entitled :Entitled);

  # Puts a license key in force: asks the authority, and answers when it has. The same key again joins the activation
  # under way; it may be asked any number of times. Nothing is lost by dropping the call: the daemon goes on asking.
  # `progress` may be null.
  activate @9 (key :Text, progress :ContactProgress) -> (outcome :ContactOutcome);

  # Asks the authority now for what it would be asked later.
  refresh @10 (progress :ContactProgress) -> (outcome :ContactOutcome);
}

# The caller's side of `activate` and `refresh`.
interface ContactProgress {
  # There is no answer yet. At most one call is in flight.
  tried @0 (attempt :ContactAttempt) -> ();
}

struct ContactAttempt {
  sent @0 :UInt32;         # how often
  message @1 :Text;        # why there is no answer yet
  nextAttempt @2 :Instant;
  answered @3 :Bool;       # the authority was reached, and lets this machine wait: for an administrator, say
}

struct ContactOutcome {
  union {
    status @0 :Status;           # what is in force now
    refused @1 :Refusal;
    pending @2 :ContactAttempt;  # no decision yet; the daemon goes on asking by itself
  }
}

# One sample. Names ending in "_total" are counters: they only rise, until the daemon restarts.
struct Metric {
  name @0 :Text;
  help @1 :Text;           # a sentence; the same for all samples of a name
  kind @2 :Kind;
  value @3 :Float64;
  labels @4 :List(Label);
  enum Kind {
    gauge @0;
    counter @1;
  }
  struct Label {
    name @0 :Text;
    value @1 :Text;
  }
}

struct RequestOutcome {
  union {
    file @0 :Text;
    refused @1 :Refusal;
  }
}

struct ImportOutcome {
  union {
    status @0 :Status;   # what is in force now
    refused @1 :Refusal;
  }
  changed @2 :Text;      # sentences: what the file has changed
}

struct DeactivateOutcome {
  union {
    status @0 :Status;
    refused @1 :Refusal;
  }
}

struct AuditCheck {
  intact @0 :Bool;
  entries @1 :UInt64;
  checkpoints @2 :UInt64;
  message @3 :Text;    # where it breaks, if it does
}
