//! `firedrill init`: a first scenario from a stack.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Component, Path, PathBuf},
};

use firedrill_model::{
    ids::{Region, ResourceId, ResourceKind},
    stack::Stack,
};
use miette::{Report, miette};

use super::{Failure, screen};
use crate::scenario::{
    schema, stack,
    written::{Format, Unreadable},
};

/// Which stack, and where the scenario goes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The stack file, or a CloudFormation template
    stack: PathBuf,
    /// A parameter of the template, as `NAME=VALUE`; those that are left out have their defaults
    #[arg(long = "parameter", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// The scenario to write; `scenarios/<stack>-region-loss.yaml` when left out. An existing file is never overwritten
    #[arg(long)]
    out: Option<PathBuf>,
    /// Where the workload runs
    #[arg(long, value_parser = region, default_value = "us-east-1")]
    primary: Region,
    /// Where it is recovered to
    #[arg(long, value_parser = region, default_value = "eu-west-1")]
    recovery: Region,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not written as NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn region(text: &str) -> Result<Region, String> {
    Region::read(text).map_err(|unreadable: Unreadable| unreadable.to_string())
}

/// Writes the scenario, and beside it the schema that editors check it with when there is none.
#[expect(clippy::unused_async, reason = "every command has the same signature")]
pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    if args.primary == args.recovery {
        return Err(Failure::usage(miette!("the workload cannot be recovered into the region it is lost in")));
    }
    let stack = stack::load(&args.stack, &args.stack.display().to_string(), &args.parameters.into_iter().collect())
        .map_err(Failure::usage)?;
    let out = args.out.unwrap_or_else(|| Path::new("scenarios").join(format!("{}-region-loss.yaml", stack.name)));
    write(&out, &args.stack, &stack, &args.primary, &args.recovery)?;
    screen::line(format!("wrote {}; look at it, then: firedrill plan {}", out.display(), out.display()));
    Ok(0)
}

fn write(out: &Path, stack_path: &Path, stack: &Stack, primary: &Region, recovery: &Region) -> Result<(), Failure> {
    let folder = match out.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let unwritable = |path: &Path, error: &io::Error| -> Report {
        if error.kind() == io::ErrorKind::AlreadyExists {
            miette!(help = "choose another place with `--out`", "`{}` exists and is not overwritten", path.display())
        } else {
            miette!("`{}` cannot be written: {error}", path.display())
        }
    };
    fs::create_dir_all(folder).map_err(|error| Failure::usage(unwritable(folder, &error)))?;
    let absolute = |path: &Path| path.canonicalize().map_err(|error| Failure::usage(unwritable(path, &error)));
    let written_stack = relative(&absolute(stack_path)?, &absolute(folder)?);
    let text = first_scenario(stack, &written_stack.display().to_string(), primary, recovery);
    create_new(out, &text).map_err(|error| Failure::usage(unwritable(out, &error)))?;
    let schema_path = folder.join("scenario.schema.json");
    match create_new(&schema_path, &schema::text(&schema::scenario())) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(Failure::usage(unwritable(&schema_path, &error)))
        }
        _ => Ok(()),
    }
}

fn create_new(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

/// `path` as seen from `folder`; both absolute.
fn relative(path: &Path, folder: &Path) -> PathBuf {
    let (path, folder): (Vec<_>, Vec<_>) = (path.components().collect(), folder.components().collect());
    let shared = path.iter().zip(&folder).take_while(|(one, other)| one == other).count();
    let up = folder[shared..].iter().map(|_| Component::ParentDir);
    up.chain(path[shared..].iter().copied()).collect()
}

/// A scenario that loses the primary region and restores everything from a vault in the other.
fn first_scenario(stack: &Stack, written_stack: &str, primary: &Region, recovery: &Region) -> String {
    let sources: Vec<ResourceId> =
        stack.data_resources().into_iter().filter(|id| stack.derived_by(id).is_none()).collect();
    // The plain name when nothing else that holds data has it.
    let called = |id: &ResourceId| {
        let alone = sources.iter().filter(|other| other.name() == id.name()).count() == 1;
        quoted(if alone { id.name() } else { id.as_str() })
    };
    let seed: Vec<String> = sources.iter().map(|id| format!("{}: 200", called(id))).collect();
    let traffic: Vec<String> = sources
        .iter()
        .map(|id| {
            let (kind, name) = (id.kind().map_or("table", ResourceKind::word), id.name());
            format!("    {}: {{ {kind}: {}, writers: 2, rate: 10/s }}\n", called(id), quoted(name))
        })
        .collect();
    let effects: Vec<String> = stack
        .triggers
        .iter()
        .filter(|(_, trigger)| trigger.effect.is_some())
        .map(|(name, _)| format!("    {}: {{ per: key, delivered: at-least-once, within: 10s }}\n", quoted(name)))
        .collect();
    let workload = if sources.is_empty() {
        String::new()
    } else {
        format!("  seed: {{ {} }}\n  traffic:\n{}", seed.join(", "), traffic.concat())
    };
    let parameters = match &stack.template {
        Some(template) if !template.parameters.is_empty() => {
            let given = template.parameters.iter().map(|(name, value)| format!("{name}: {}", text(value)));
            format!("  parameters: {{ {} }}\n", given.collect::<Vec<_>>().join(", "))
        }
        Some(_) | None => String::new(),
    };
    let redrive = if stack.triggers.is_empty() { "" } else { "  - redrive: all\n" };
    let expected_effects = if effects.is_empty() { String::new() } else { format!("  effects:\n{}", effects.concat()) };
    let name = &stack.name;
    format!(
        "# yaml-language-server: $schema=./scenario.schema.json
scenario: {name}-region-loss
summary: {primary} disappears under traffic; {name} comes back in {recovery} from its vault.

topology: {{ primary: {primary}, recovery: {recovery} }}

workload:
  stack: {stack_file}
{parameters}{workload}
backup:
  - protect: all
    using: vault
    into: {{ region: {recovery}, bucket: {name}-vault }}
    every: 5s
    keep: 6

disaster:
  - after: 3 backups
    fault: region-outage
    region: {primary}
    symptom: timeouts             # or refused, or destroyed

recover:
  - restore: {{ from: latest, into: {recovery} }}
{redrive}  - cutover: {{ to: {recovery} }}

# The objectives are examples: write your own, and where they come from as `source`.
expect:
  rto: {{ within: 60s, stable_for: 5s }}
  rpo: {{ within: 12s }}
  state: equivalent
{expected_effects}  consistent_cut: true
",
        stack_file = quoted(written_stack),
    )
}

/// Text that is text in YAML too.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A YAML scalar; JSON strings are YAML.
fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.as_bytes()[0] != b'-';
    if plain { text.to_owned() } else { self::text(text) }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    use firedrill_model::ids::Region;

    use super::{first_scenario, quoted, relative, write};
    use crate::{
        plan::lint::lint,
        scenario::{load, stack, tests::root},
    };

    #[test]
    fn the_first_scenario_passes_check_and_is_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("drills/first.yaml");
        let stack_path = root().join("fixtures/stacks/order-pipeline.yaml");
        let stack = stack::load(&stack_path, "stack.yaml", &BTreeMap::new()).expect("the stack");
        let (primary, recovery) = (Region::from("us-west-2"), Region::from("eu-central-1"));
        write(&out, &stack_path, &stack, &primary, &recovery).expect("written");
        let loaded = load(&out).expect("it can be used");
        assert_eq!(lint(&loaded).iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
        assert_eq!(loaded.scenario.traffic.len(), 2);
        assert_eq!(loaded.scenario.expect.effects.len(), 2);
        assert!(folder.path().join("drills/scenario.schema.json").is_file());

        let refused = write(&out, &stack_path, &stack, &primary, &recovery).expect_err("refused");
        assert!(refused.report.to_string().ends_with("exists and is not overwritten"), "{}", refused.report);
    }

    #[test]
    fn a_first_scenario_of_a_template_passes_check_with_its_parameters() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("first.yaml");
        let stack_path = root().join("fixtures/stacks/order-pipeline.template.yaml");
        let given = BTreeMap::from([("Stage".to_owned(), "prod".to_owned()), ("BatchSize".to_owned(), "7".to_owned())]);
        let stack = stack::load(&stack_path, "stack.yaml", &given).expect("the template");
        write(&out, &stack_path, &stack, &Region::from("us-east-1"), &Region::from("eu-west-1")).expect("written");
        let loaded = load(&out).expect("it can be used");
        assert_eq!(lint(&loaded).iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
        assert_eq!(loaded.stack.template.expect("a template").parameters, given);
        assert_eq!(loaded.stack.functions["Describe"].memory_mib, 1024, "what `prod` has");
    }

    #[test]
    fn a_first_scenario_reads_well() {
        let stack = stack::load(&root().join("fixtures/stacks/order-pipeline.yaml"), "stack.yaml", &BTreeMap::new())
            .expect("the stack");
        let (primary, recovery) = (Region::from("us-east-1"), Region::from("eu-west-1"));
        insta::assert_snapshot!(first_scenario(&stack, "../stack.yaml", &primary, &recovery));
    }

    #[test]
    fn paths_and_words_are_written_so_that_they_read_back() {
        assert_eq!(relative(Path::new("/a/b/c.yaml"), Path::new("/a/d")), Path::new("../b/c.yaml"));
        for (text, written) in [("orders", "orders"), ("4711", "\"4711\""), ("a: b", "\"a: b\""), ("-x", "\"-x\"")] {
            assert_eq!(quoted(text), written);
        }
    }
}
