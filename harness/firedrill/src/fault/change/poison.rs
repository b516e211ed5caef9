//! An event that nobody expects.

use std::sync::Arc;

use firedrill_model::{
    ledger::{Origin, Outcome},
    stack::{Table, Trigger},
};

use super::{ChangeError, Changed};
use crate::{
    run::Drill,
    services::{Site, dynamodb::AttributeValue},
    workload::{
        WorkloadError,
        dataset::{Content, Dataset, KeyNumber, ProbeSlot, Value},
        writer::{Write, Writer},
    },
};

/// Writes an item to the table that `trigger` listens to, as a producer does that has another schema: its numbers are texts, but for
/// those within lists, maps and sets. Its key is one of firedrill's own, so that the item counts for nothing but what it does to others.
pub(super) async fn send(drill: &Drill, site: &Site, trigger: &str, changed: Changed<'_>) -> Result<(), ChangeError> {
    let (site, stack) = (&site.with_clients(site.clients.once()), &drill.plan.stack);
    let Some(source) = stack.triggers.get(trigger).map(Trigger::source_resource) else { return Ok(()) };
    let Some(table) = stack.tables.get(source.name()) else { return Ok(()) };
    let dataset = Arc::new(Dataset::of(&drill.plan).map_err(WorkloadError::from)?);
    let began = drill.clock.now().micros();
    let write = Write::first(KeyNumber::probe(ProbeSlot::Poison, began), None);
    let mut writer = Writer::new(drill, &dataset, format!("poison.{}.{began}", source.file_stem()), Origin::Probe);
    let altered = (&write, |value| numbers_as_texts(value, table));
    let line = writer.attempt_altered(site, drill.authority.standing(), &source, altered).await?;
    match line.outcome {
        Outcome::Acknowledged => Ok(changed()?),
        Outcome::Rejected | Outcome::Ambiguous => {
            Err(ChangeError::NotTaken { why: line.error.unwrap_or_else(|| "no answer".to_owned()) })
        }
    }
}

/// What the table itself asks to be a number stays one.
fn numbers_as_texts(mut value: Value, table: &Table) -> Value {
    if let Content::Item(item) = &mut value.content {
        let kept = table.key_attributes();
        for (_, attribute) in item.iter_mut().filter(|(name, _)| !kept.contains(&name.as_str())) {
            if let AttributeValue::N(number) = attribute {
                *attribute = AttributeValue::S(std::mem::take(number));
            }
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use firedrill_model::ids::WriteId;

    use super::*;
    use crate::workload::{dataset::Stamp, sample};

    #[test]
    fn an_item_keeps_its_keys_and_its_values_and_loses_its_numbers() {
        let mut plan = sample::plan(7);
        let orders = plan.stack.tables.get_mut("orders").unwrap();
        orders.ttl = Some("expires_at".to_owned());
        let dataset = Dataset::of(&plan).unwrap();
        let (number, write_id) = (KeyNumber::probe(ProbeSlot::Poison, 1), WriteId::new("poison"));
        let stamp = Stamp { number, rev: 1, write_id: &write_id, size: None };
        let value = dataset.generator(&sample::orders()).unwrap().value(&stamp);
        let item_of = |value: &Value| match &value.content {
            Content::Item(item) => item.clone(),
            Content::Object { .. } => panic!("an object"),
        };
        let before = item_of(&value);
        let after = item_of(&numbers_as_texts(value, &plan.stack.tables["orders"]));
        assert_eq!(before.len(), after.len());
        let mut altered = 0;
        for (name, was) in &before {
            match (was, &after[name]) {
                (AttributeValue::N(number), AttributeValue::S(text)) if name != "expires_at" => {
                    assert_eq!(number, text);
                    altered += 1;
                }
                (was, is) => assert_eq!(was, is, "{name}"),
            }
        }
        assert!(altered >= 2, "{after:?}");
    }
}
