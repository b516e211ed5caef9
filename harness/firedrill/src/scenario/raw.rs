//! A scenario file as it is written. The JSON Schema, the reference page and the shape check come from these types, so
//! their comments are what users read.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use firedrill_model::{
    critical::CriticalAttribute,
    findings::FindingKind,
    ids::Region,
    plan::Layout,
    scenario::{Mix, Per, SizeRange},
    units::{Rate, Span},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    choices::{Command, Names, PointName, Using},
    written::Written,
};

mod disaster;

pub use self::disaster::{FaultWord, PartWord, RawDisaster};

/// A drill: what runs, what is lost, how it comes back and what is asserted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawScenario {
    /// Name of the drill, unique in the project: lowercase letters, digits and `-`.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"), example = "order-pipeline-region-loss")]
    pub scenario: String,
    /// One sentence: what happens and what is expected.
    pub summary: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Criticality of the workload, 1 highest.
    #[schemars(range(min = 1, max = 9))]
    pub tier: Option<u8>,
    /// The regions.
    pub topology: RawTopology,
    /// What runs there.
    pub workload: RawWorkload,
    /// Backup rules.
    #[serde(default)]
    pub backup: Vec<RawBackup>,
    /// What is taken away, and when.
    #[serde(default)]
    pub disaster: Vec<RawDisaster>,
    /// How the disaster is noticed. Without it, writes to the first resource with traffic are watched.
    #[serde(default)]
    pub detect: RawDetect,
    /// What ends the drill at once and undoes its faults: looked at before anything is taken away, and until all evidence is
    /// captured. What cannot be looked at ends the drill as well.
    #[serde(default)]
    pub stop_when: Vec<RawStop>,
    /// Steps of the recovery, in order.
    #[serde(default)]
    pub recover: Vec<RawStep>,
    /// What is asserted. What is left out is measured and reported, and proves nothing.
    #[serde(default)]
    pub expect: RawExpect,
    /// Limits of the run and of its parts.
    #[serde(default)]
    pub limits: RawLimits,
    /// For a drill that has to fail: the findings that must be the only ones, apart from what follows from them.
    #[serde(default)]
    pub must_fail: Vec<RawStated>,
}

/// The regions of a drill.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTopology {
    /// Where the workload runs before the disaster.
    pub primary: Written<Region>,
    /// Where it is recovered to.
    pub recovery: Written<Region>,
    /// How the regions map to emulator processes on the `local` target. When left out, the plan chooses:
    /// `shared-process` for a template whose buckets or tables replicate between regions, else `process-per-region`.
    /// With `shared-process` the emulator's own cross-region features work, and the loss of a region cannot be proved.
    pub layout: Option<Layout>,
}

/// Resources, data and load.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWorkload {
    /// The stack file, or a CloudFormation template, relative to the scenario.
    #[schemars(example = "../fixtures/stacks/order-pipeline.yaml")]
    pub stack: String,
    /// Parameters of a CloudFormation template; those that are left out have their defaults.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// How many items or objects each table or bucket starts with.
    #[serde(default)]
    pub seed: BTreeMap<String, u64>,
    /// Functions that run in one Availability Zone of the primary region alone, as with subnets there, and are lost with it:
    /// function and zone. Where the workload is recovered to they run in no zone.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "describe-upload": "us-east-1a" }))]
    pub zones: BTreeMap<String, String>,
    /// Load while the drill runs, by name.
    #[serde(default)]
    pub traffic: BTreeMap<String, RawTraffic>,
}

/// Writers on one table or bucket; name one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTraffic {
    /// The table written to.
    pub table: Option<String>,
    /// The bucket written to.
    pub bucket: Option<String>,
    /// Concurrent writers.
    #[serde(default = "default_writers")]
    #[schemars(range(min = 1, max = 64))]
    pub writers: u32,
    /// Writes a second, all writers together.
    pub rate: Written<Rate>,
    /// Share of each operation; put 70, update 20, delete 10 when left out.
    pub mix: Option<Mix>,
    /// Sizes of the objects written to a bucket; `1KiB..64KiB` when left out.
    pub size: Option<Written<SizeRange>>,
    /// What each writer writes first, whenever it writes a new key: a new key of this other table or bucket. Shows
    /// whether what survives keeps the order of writes across services.
    pub with: Option<RawCompanion>,
    /// The client's own time-out for one request.
    #[serde(default = "default_traffic_timeout")]
    pub timeout: Written<Span>,
    /// The zone of the primary region in which its clients are, and with which they are lost: an Availability Zone, a Local Zone or a
    /// Wavelength Zone; outside of all when left out.
    #[schemars(example = "us-east-1a", example = "us-east-1-bos-1a")]
    pub zone: Option<String>,
}

/// What a writer writes first, each time it writes a new key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCompanion {
    /// The table written to.
    pub table: Option<String>,
    /// The bucket written to.
    pub bucket: Option<String>,
    /// Sizes of the objects written to a bucket; `1KiB..64KiB` when left out.
    pub size: Option<Written<SizeRange>>,
}

/// One backup rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawBackup {
    /// `all`, or a list of resources by name.
    pub protect: Names,
    /// What its recovery points must hold of everything it protects, or they are not verified and not restored. Nothing
    /// is critical when left out. firedrill looks into the points of a vault; what a program of yours leaves it cannot read.
    #[serde(default)]
    #[schemars(example = ["code", "configuration", "data", "triggers"])]
    pub critical: Vec<CriticalAttribute>,
    /// `vault` for firedrill's own, or a program of yours.
    pub using: Using,
    /// Where a vault keeps its recovery points: a bucket in another region, or a folder.
    pub into: Option<RawPlace>,
    /// From the start of one backup to the start of the next.
    pub every: Written<Span>,
    /// How many recovery points are kept.
    #[serde(default = "default_keep")]
    #[schemars(range(min = 1, max = 1000))]
    pub keep: u32,
    /// A vault stores the bodies of objects and the code of functions once, and shares those it has with the points before.
    /// Tables are scanned and written whole at each point, and so are lists of objects and settings. What is shared is read again
    /// before a point is verified: in a bucket only what has changed since, in a folder all of it.
    #[serde(default)]
    pub incremental: bool,
    /// A defect put into the backup on purpose, to see whether the checks notice.
    pub sabotage: Option<RawSabotage>,
}

/// Where a vault is: `region` with `bucket`, or `folder`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPlace {
    /// Region of the bucket.
    pub region: Option<Written<Region>>,
    /// The bucket, made when absent.
    pub bucket: Option<String>,
    /// A folder on this machine; relative to the run directory.
    pub folder: Option<String>,
}

/// A defect put in on purpose.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSabotage {
    /// Which defect.
    pub operator: Operator,
    /// The table or bucket it is put into; not for `return-early`.
    pub resource: Option<String>,
}

/// Defects that can be put in on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    /// Leave one key out, and out of the manifest too. In a backup or a restore.
    SkipKey,
    /// Change one byte, keeping the size. In a restore.
    FlipByte,
    /// Write one number as a string. In a restore of a table.
    NumberToString,
    /// Do not set the table's TTL again. In a restore of a table.
    ForgetTtl,
    /// Report success and restore no content. In a restore.
    ReturnEarly,
}

/// How the disaster is noticed.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawDetect {
    /// The table or bucket that canary writes go to, or the trigger whose effect they wait for; the first table or bucket with
    /// traffic when left out.
    #[schemars(example = &"orders", example = &"trigger/describe-upload")]
    pub canary: Option<String>,
    /// The canary does all that a probe does: it reads its write back, and old data too, which shows a loss or corruption that
    /// leaves writes alone. That of a trigger always waits for the effect.
    pub reads: bool,
    /// The zone of the primary region from which the canary and the probes use the workload, so that what becomes of the clients in
    /// it is noticed and measured; from outside of all when left out.
    #[schemars(example = &"us-east-1-bos-1a")]
    pub zone: Option<String>,
    /// Between two canary writes.
    pub every: Written<Span>,
    /// Failures in a row that mean a disaster; 3 when neither this nor `alarm` is given.
    #[schemars(range(min = 1, max = 1000))]
    pub failures: Option<u32>,
    /// A CloudWatch alarm in the recovery region that goes off when the canary fails, in place of `failures`.
    pub alarm: Option<RawAlarm>,
    /// Time that a human takes to decide. Declared, added to the recovery time and shown as declared.
    pub decide: Written<Span>,
}

/// A CloudWatch alarm that firedrill puts into the recovery region. It goes off when every canary write of its periods
/// failed.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawAlarm {
    /// Its name.
    #[schemars(length(min = 1, max = 255))]
    pub name: String,
    /// Length of a period: 10, 20 or 30 seconds, or whole minutes.
    pub period: Written<Span>,
    /// Periods in a row in which every canary write failed.
    #[schemars(range(min = 1, max = 1000))]
    pub periods: u32,
}

/// A stop condition: an `alarm` with its `region`, or a program that `fails`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawStop {
    /// The name of a CloudWatch alarm; the drill ends when it is in `ALARM`.
    #[schemars(length(min = 1, max = 255))]
    pub alarm: Option<String>,
    /// The region of the alarm.
    pub region: Option<Written<Region>>,
    /// A program of yours; the drill ends when it fails.
    pub fails: Option<Command>,
    /// Between two looks.
    #[serde(default = "default_look")]
    pub every: Written<Span>,
}

/// One step of a recovery: one of these keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RawStep {
    /// Cut a region off until the drill is over: nothing is read or written there any more, so that a recovery elsewhere neither
    /// uses nor meets what the disaster has left up. Comes before everything that rebuilds.
    Isolate(Written<Region>),
    /// Rebuild what was protected from a recovery point.
    Restore(RawRestore),
    /// Run a program of yours.
    Command(Command),
    /// Deliver the events of what was restored to the functions again: `all`, or a list of triggers.
    Redrive(Names),
    /// Take the clients in a zone out of it: from then on they use the region from outside of all zones.
    Reroute(RawReroute),
    /// Point the traffic at a region.
    Cutover(RawCutover),
}

impl RawStep {
    /// The word for it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Isolate(_) => "isolate",
            Self::Restore(_) => "restore",
            Self::Command(_) => "command",
            Self::Redrive(_) => "redrive",
            Self::Reroute(_) => "reroute",
            Self::Cutover(_) => "cutover",
        }
    }
}

/// A restore.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRestore {
    /// `latest` complete and verified; where the disaster interferes with requests, of those from before it. `clean`: the latest from
    /// before the disaster even if that only changes data, as one would know who has examined the points. Or the number of a
    /// recovery point, counted from 1.
    pub from: PointName,
    /// The region to restore into.
    pub into: Written<Region>,
    /// A defect put into the restore on purpose, to see whether the checks notice.
    pub sabotage: Option<RawSabotage>,
}

/// Another way for clients.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawReroute {
    /// The zone that they are taken out of.
    #[schemars(example = "us-east-1-bos-1a")]
    pub from: String,
}

/// A cutover.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCutover {
    /// The region that serves from now on.
    pub to: Written<Region>,
}

/// What is asserted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawExpect {
    /// Recovery time objective.
    pub rto: Option<RawRto>,
    /// Recovery point objective.
    pub rpo: Option<RawRpo>,
    /// Content and configuration are what the ledger and the source say.
    pub state: Option<StateWord>,
    /// What each trigger owes, by the trigger's name.
    #[serde(default)]
    pub effects: BTreeMap<String, RawEffect>,
    /// Nothing survives whose predecessor or cause is lost, across services.
    #[serde(default)]
    pub consistent_cut: bool,
}

/// Recovery time objective.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRto {
    /// The objective: from the loss to the start of lasting readiness.
    pub within: Written<Span>,
    /// How long readiness must last to count.
    #[serde(default = "default_stable_for")]
    pub stable_for: Written<Span>,
    /// Where the objective comes from, such as a business impact analysis.
    #[schemars(example = "BIA-2026-014")]
    pub source: Option<String>,
    /// Credit a recovery that only the end of the fault brought.
    #[serde(default)]
    pub ride_out: bool,
}

/// Recovery point objective.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRpo {
    /// The objective: how old the earliest lost acknowledged write may be.
    pub within: Written<Span>,
    /// Where the objective comes from.
    #[schemars(example = "BIA-2026-014")]
    pub source: Option<String>,
}

/// How the state must compare.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StateWord {
    /// Equal in everything that is not lost under the recovery point.
    Equivalent,
}

/// What a trigger owes. One of `delivered` and `counted`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawEffect {
    /// What an effect is owed for.
    pub per: Per,
    /// How often each event must be delivered.
    pub delivered: Option<Delivered>,
    /// How often each event must count in the result, however often it was delivered.
    pub counted: Option<Counted>,
    /// Later than this after the write, or after readiness if that is later, is late.
    #[serde(default = "default_effect_within")]
    pub within: Written<Span>,
}

/// How often an event is delivered.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Delivered {
    /// Once or more.
    AtLeastOnce,
    /// Once.
    ExactlyOnce,
}

/// How often an event counts.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    /// Once.
    ExactlyOnce,
}

/// Limits.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawLimits {
    /// The whole run, once the target is up: installing the emulator, the first time on a machine, may take 30 minutes by itself.
    pub run: Written<Span>,
    /// Any one phase, on top of what the scenario itself gives time for in it: the onset, the time-outs of programs, the recovery
    /// time objective.
    pub phase: Written<Span>,
    /// How long the drain waits for effects to settle.
    pub drain: Written<Span>,
    /// How often the recovery is run, from its first step, when a step of it fails.
    #[schemars(range(min = 1, max = 9))]
    pub attempts: u32,
}

/// A finding that has to be there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawStated {
    /// What is found.
    pub finding: StatedWord,
    /// The resource it names.
    pub resource: Option<String>,
    /// The step in which the recovery fails for good, such as `restore`. In `recovery-failed`; any step when left out.
    pub step: Option<String>,
}

/// A kind of finding, or `nothing-checked`: the drill asserts nothing and says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatedWord {
    /// A finding.
    Finding(FindingKind),
    /// The verdict of a drill without assertions.
    NothingChecked,
}

/// The word for a drill without assertions.
pub const NOTHING_CHECKED: &str = "nothing-checked";

impl fmt::Display for StatedWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finding(kind) => kind.fmt(f),
            Self::NothingChecked => f.pad(NOTHING_CHECKED),
        }
    }
}

impl<'de> Deserialize<'de> for StatedWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::{IntoDeserializer, value::StrDeserializer};
        let word = String::deserialize(deserializer)?;
        if word == NOTHING_CHECKED {
            return Ok(Self::NothingChecked);
        }
        let word: StrDeserializer<'_, D::Error> = word.as_str().into_deserializer();
        FindingKind::deserialize(word).map(Self::Finding)
    }
}

impl JsonSchema for StatedWord {
    fn schema_name() -> Cow<'static, str> {
        "StatedWord".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let finding = generator.subschema_for::<FindingKind>();
        json_schema!({ "description": "A kind of finding, or `nothing-checked`.", "anyOf": [
            finding,
            { "const": NOTHING_CHECKED, "description": "The drill asserts nothing, and its verdict says so." },
        ] })
    }
}

impl Default for RawDetect {
    fn default() -> Self {
        Self {
            canary: None,
            reads: false,
            zone: None,
            every: Written(Span::from_ms(500)),
            failures: None,
            alarm: None,
            decide: Written(Span::default()),
        }
    }
}

impl Default for RawAlarm {
    fn default() -> Self {
        Self { name: "firedrill-canary".to_owned(), period: Written(Span::from_secs(10)), periods: 1 }
    }
}

impl Default for RawLimits {
    fn default() -> Self {
        Self {
            run: Written(Span::from_secs(600)),
            phase: Written(Span::from_secs(300)),
            drain: Written(Span::from_secs(30)),
            attempts: 1,
        }
    }
}

fn default_look() -> Written<Span> {
    Written(Span::from_secs(5))
}

fn default_writers() -> u32 {
    2
}

fn default_keep() -> u32 {
    6
}

fn default_traffic_timeout() -> Written<Span> {
    Written(Span::from_secs(2))
}

fn default_stable_for() -> Written<Span> {
    Written(Span::from_secs(5))
}

fn default_effect_within() -> Written<Span> {
    Written(Span::from_secs(10))
}
