//! A plan as people read it.

use firedrill_model::{
    ids::{ResourceId, ResourceKind},
    plan::Plan,
    scenario::{
        Backup, BackupUsing, Detector, Fault, Guarantee, Onset, Per, RecoveryStep, RestoreFrom, Sabotage, Traffic,
        VaultPlace, Watch,
    },
    topology::Side,
};

use crate::scenario::written::Format as _;

/// The whole plan: what happens in which order, names, and what is asserted.
pub fn describe(plan: &Plan) -> String {
    let mut text = String::new();
    let about = &plan.scenario;
    let owner = about.owner.iter().map(|owner| format!("   owner {owner}"));
    let tier = about.tier.iter().map(|tier| format!("   tier {tier}"));
    push(&mut text, &format!("{}{}", about.name, owner.chain(tier).collect::<String>()));
    push(&mut text, &about.summary);
    push(&mut text, &format!("target {}   seed {:x}", plan.target, plan.seed));
    section(&mut text, "what happens", &timeline(plan));
    section(&mut text, "names", &names(plan));
    section(&mut text, "checks", &checks(plan));
    section(&mut text, "limits", &limits(plan));
    if !plan.must_fail.is_empty() {
        let stated = plan.must_fail.iter().map(|stated| {
            let on = stated.resource.as_ref().map_or(String::new(), |resource| format!(" on {resource}"));
            let step = stated.step.as_ref().map_or(String::new(), |step| format!(" in step `{step}`"));
            (String::from("finding"), format!("{}{on}{step}", stated.finding))
        });
        section(&mut text, "must fail, with nothing but", &stated.collect::<Vec<_>>());
    }
    text
}

fn push(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

fn section(text: &mut String, title: &str, rows: &[(String, String)]) {
    push(text, &format!("\n{title}"));
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut last = "";
    for (name, row) in rows {
        let shown = if name == last { "" } else { name };
        push(text, &format!("  {shown:width$}   {row}"));
        last = name;
    }
}

fn timeline(plan: &Plan) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut row = |name: &str, text: String| rows.push((name.to_owned(), text));
    let by = if plan.stack.template.is_some() { " by CloudFormation" } else { "" };
    row(
        "provision",
        format!("{} in {}{by}", counted(&plan.stack.resources(), ResourceKind::ALL), plan.topology.primary),
    );
    for (resource, count) in &plan.seeding {
        row("seed", format!("{count} in {resource}"));
    }
    let probes: Vec<&str> = plan.probes.iter().map(|probe| probe.resource.as_str()).collect();
    row("steady state", format!("probes every {}: {}", plan.probe_interval, listed(&probes)));
    for (function, zone) in &plan.placed {
        row("placed", format!("function {function} in {zone}"));
    }
    for load in &plan.traffic {
        row("traffic", traffic(load));
    }
    for rule in &plan.backups {
        row("backup", backup(plan, rule));
    }
    for fault in &plan.disaster {
        row("fault", format!("{}: {}", onset(plan, fault.when), fault_text(&fault.fault)));
    }
    let detect = &plan.detect;
    let decide =
        if detect.decide.micros() == 0 { String::new() } else { format!("; {} to decide (declared)", detect.decide) };
    let means = match &detect.by {
        Detector::Failures { in_a_row } => format!("{in_a_row} failures in a row mean a disaster"),
        Detector::Alarm(alarm) => format!(
            "alarm `{}` in {} goes off after {} of failures only",
            alarm.name,
            plan.topology.recovery,
            detect.shortest()
        ),
    };
    let does = if detect.canary.kind() == Some(ResourceKind::Trigger) {
        format!("the effect of a write on {}", detect.canary)
    } else if detect.reads {
        format!("a write to {}, read back with old data", detect.canary)
    } else {
        format!("a write to {}", detect.canary)
    };
    let does = detect.zone.as_ref().map_or(does.clone(), |zone| format!("{does} from {zone}"));
    row("detect", format!("{does} every {}; {means}{decide}", detect.every));
    for condition in &plan.stop_when {
        let met = match &condition.by {
            Watch::Alarm { name, region } => format!("alarm `{name}` in {region} is in ALARM"),
            Watch::Program { command, timeout } => format!("`{}` fails, at most {timeout}", command.join(" ")),
        };
        row("stop", format!("at once when {met}; looked at every {}", condition.every));
    }
    for (step, number) in plan.recover.iter().zip(1..) {
        row("recover", format!("{number}. {}", recovery(step)));
    }
    row("observe", format!("{} of probes, traffic on fresh keys", plan.observe));
    row("capture", "what the serving side holds, and again after the drain".to_owned());
    row("heal", "every fault is undone; a source that comes back is read".to_owned());
    row("verify", "from the ledger and the captures; then report and teardown".to_owned());
    rows
}

/// `2 roles, 1 bucket, 4 tables`: how many there are of these kinds, in this order.
pub(crate) fn counted(resources: &[ResourceId], kinds: impl IntoIterator<Item = ResourceKind>) -> String {
    let counts = kinds.into_iter().filter_map(|kind| {
        let count = resources.iter().filter(|id| id.kind() == Some(kind)).count();
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{count} {}{plural}", kind.word()))
    });
    counts.collect::<Vec<_>>().join(", ")
}

fn listed(words: &[&str]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn traffic(load: &Traffic) -> String {
    let mix = load.mix;
    let size = load.size.map_or(String::new(), |size| format!(", {}", size.write()));
    let with =
        load.with.as_ref().map_or(String::new(), |with| format!(", each new key after one of {}", with.resource));
    let zone = load.zone.as_ref().map_or(String::new(), |zone| format!(" in {zone}"));
    format!(
        "{}: {} writers{zone} on {}, {} (put {}, update {}, delete {}){size}{with}, time-out {}",
        load.name, load.writers, load.resource, load.rate, mix.put, mix.update, mix.delete, load.timeout
    )
}

fn backup(plan: &Plan, rule: &Backup) -> String {
    let using = match &rule.using {
        BackupUsing::Vault { into, incremental } => {
            let how = if *incremental { "incremental" } else { "full" };
            match into {
                VaultPlace::Bucket { region, bucket } => format!("vault `{bucket}` in {region}, {how}"),
                VaultPlace::Folder { folder } => format!("vault in the folder `{}`, {how}", folder.display()),
            }
        }
        BackupUsing::Command { command, timeout } => format!("`{}`, at most {timeout}", command.join(" ")),
    };
    let log = plan.stack.delivery_log().map(|name| ResourceId::new(ResourceKind::Table, name));
    let protectable = plan.stack.resources().into_iter().filter(|id| Some(id) != log.as_ref()).count();
    let mut text = format!(
        "{using}; every {}, keeps {}; {} of {protectable} resources",
        rule.every,
        rule.keep,
        rule.protect.len()
    );
    if !rule.critical.is_empty() {
        let words: Vec<&str> = rule.critical.iter().map(|attribute| attribute.word()).collect();
        text.push_str("; critical: ");
        text.push_str(&words.join(", "));
    }
    if let Some(defect) = &rule.sabotage {
        write_defect(&mut text, defect);
    }
    text
}

fn write_defect(text: &mut String, defect: &Sabotage) {
    let what = match defect {
        Sabotage::SkipKey { resource } => format!("leaves one key of {resource} out"),
        Sabotage::FlipByte { resource } => format!("changes one byte in {resource}"),
        Sabotage::NumberToString { resource } => format!("writes one number of {resource} as a string"),
        Sabotage::ForgetTtl { resource } => format!("forgets the TTL of {resource}"),
        Sabotage::ReturnEarly => "reports success and restores no content".to_owned(),
    };
    text.push_str("; on purpose ");
    text.push_str(&what);
}

fn onset(plan: &Plan, when: Onset) -> String {
    match when {
        Onset::At { delay } => format!("{delay} after the traffic began"),
        Onset::AfterBackups { count } => format!("after {count} verified backups"),
        Onset::AfterMoreBackups { count } => format!("after {count} more verified backups"),
        Onset::AfterWrites { count } => format!("after {count} acknowledged writes"),
        Onset::AfterMoreWrites { count } => format!("after {count} more acknowledged writes"),
        Onset::During { step } => {
            let kind = plan.recover.get(step).map_or("", RecoveryStep::kind);
            format!("during step {} of the recovery (`{kind}`)", step + 1)
        }
    }
}

fn fault_text(fault: &Fault) -> String {
    format!("{}: {}", fault.title, fault.symptoms)
}

fn recovery(step: &RecoveryStep) -> String {
    match step {
        RecoveryStep::Isolate { region } => format!("isolate {region}: nothing is read or written there any more"),
        RecoveryStep::Restore { from, into, sabotage } => {
            let from = match from {
                RestoreFrom::Latest => "the latest recovery point".to_owned(),
                RestoreFrom::Clean => "the latest clean recovery point".to_owned(),
                RestoreFrom::Number { number } => format!("recovery point {number}"),
            };
            let mut text = format!("restore from {from} into {into}");
            if let Some(defect) = sabotage {
                write_defect(&mut text, defect);
            }
            text
        }
        RecoveryStep::Command { command, timeout } => format!("run `{}`, at most {timeout}", command.join(" ")),
        RecoveryStep::Redrive { triggers } => format!("redrive {}", triggers.join(", ")),
        RecoveryStep::Reroute { from } => format!("reroute the clients in {from}: they use the region from outside"),
        RecoveryStep::Cutover { to } => format!("cut over to {to}"),
    }
}

/// Names that differ from the logical ones.
fn names(plan: &Plan) -> Vec<(String, String)> {
    let renamed = plan.names.of(Side::Primary).iter().filter(|(id, name)| id.name() != name.as_str());
    let mut rows: Vec<(String, String)> = renamed
        .map(|(id, name)| {
            let there = plan.names.of(Side::Recovery).get(id).map_or("", String::as_str);
            (id.to_string(), format!("{name} → {there}"))
        })
        .collect();
    rows.push(("all others".to_owned(), "keep their logical names".to_owned()));
    rows
}

fn checks(plan: &Plan) -> Vec<(String, String)> {
    let expect = &plan.expect;
    let source = |source: &Option<String>| source.as_ref().map_or(String::new(), |source| format!(" ({source})"));
    let mut rows = Vec::new();
    if let Some(rto) = &expect.rto {
        let credit = if rto.ride_out { "; the end of the fault counts as recovery" } else { "" };
        let text = format!("within {}, stable for {}{credit}{}", rto.within, rto.stable_for, source(&rto.source));
        rows.push(("recovery time".to_owned(), text));
    }
    if let Some(rpo) = &expect.rpo {
        rows.push(("recovery point".to_owned(), format!("within {}{}", rpo.within, source(&rpo.source))));
    }
    if expect.state {
        rows.push(("state".to_owned(), "content and configuration are equivalent".to_owned()));
    }
    for (trigger, effect) in &expect.effects {
        let per = match effect.per {
            Per::Key => "the last version of each key",
            Per::Event => "each event",
        };
        let often = match effect.guarantee {
            Guarantee::DeliveredAtLeastOnce => "delivered at least once",
            Guarantee::DeliveredExactlyOnce => "delivered exactly once",
            Guarantee::CountedExactlyOnce => "counted exactly once",
        };
        rows.push((format!("effects of {trigger}"), format!("{per} {often} within {}", effect.within)));
    }
    if expect.consistent_cut {
        rows.push(("consistent cut".to_owned(), "no survivor without its predecessors and causes".to_owned()));
    }
    if rows.is_empty() {
        rows.push(("none".to_owned(), "nothing will be checked, and the exit code says so".to_owned()));
    }
    rows
}

fn limits(plan: &Plan) -> Vec<(String, String)> {
    let limits = &plan.limits;
    let times = [("run", limits.run), ("phase", limits.phase), ("drain", limits.drain)];
    let times = times.into_iter().map(|(name, limit)| (name.to_owned(), limit.write()));
    times.chain([("attempts".to_owned(), limits.attempts.to_string())]).collect()
}
