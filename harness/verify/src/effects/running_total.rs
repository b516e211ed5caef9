//! One item a customer: total and count over the orders in `applied` that are not gone.

use std::{borrow::Cow, collections::BTreeMap};

use firedrill_model::ledger::item_key;
use serde_json::Value;

use super::{DerivedModel, Fact, Mark, fingerprint, text};
use crate::{decimal::Decimal, ledger::short};

/// The totals of a customer. A deleted order stays in `applied`, marked gone, with the write id of what was removed.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunningTotal;

impl DerivedModel for RunningTotal {
    /// The hash part of the order's key: both keys escape it in the same way.
    fn item_key<'k>(&self, cause: &'k str) -> Cow<'k, str> {
        Cow::Borrowed(cause.split_once('#').map_or(cause, |(customer, _)| customer))
    }

    fn fingerprint(&self, facts: &BTreeMap<String, String>) -> u64 {
        fingerprint(["rev", "amount"].map(|name| facts.get(name).map(|text| Fact::Number(text))))
    }

    fn marks(&self, item: &Value) -> Result<Vec<Mark>, String> {
        let customer = text(item, "customer").ok_or("it has no `customer`")?;
        let applied = item.get("applied").and_then(Value::as_object).ok_or("it has no `applied`")?;
        let (mut total, mut count) = (Decimal::default(), 0_u64);
        let mut marks = Vec::with_capacity(applied.len());
        for (order, entry) in applied {
            let missing = |name: &str| format!("order {order} has no `{name}`");
            let gone = entry.get("gone").and_then(Value::as_bool).unwrap_or(false);
            let id = text(entry, "write_id").ok_or_else(|| missing("write_id"))?;
            let (rev, amount) = (text(entry, "rev"), text(entry, "amount").ok_or_else(|| missing("amount"))?);
            if !gone {
                let number = Decimal::parse(&amount).ok_or_else(|| format!("order {order} has amount `{amount}`"))?;
                total = total.plus(number).ok_or_else(|| "its total cannot be held".to_owned())?;
                count += 1;
            }
            let fingerprint = fingerprint([rev.as_deref(), Some(amount.as_str())].map(|text| text.map(Fact::Number)));
            marks.push(Mark { cause: item_key(&customer, Some(order)), id: short(&id), fingerprint, gone });
        }
        let shown = text(item, "total").and_then(|text| Decimal::parse(&text));
        if shown != Some(total) {
            let shown = text(item, "total").unwrap_or_else(|| "nothing".to_owned());
            return Err(format!("`total` is {shown}, its orders give {total}"));
        }
        let shown = text(item, "count").and_then(|text| Decimal::parse(&text));
        if shown != Decimal::parse(&count.to_string()) {
            let shown = text(item, "count").unwrap_or_else(|| "nothing".to_owned());
            return Err(format!("`count` is {shown}, its orders give {count}"));
        }
        Ok(marks)
    }

    fn shows_deletes(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(total: &str, count: u32) -> Value {
        serde_json::json!({ "customer": "C#1", "total": total, "count": count, "applied": {
            "o#1": { "rev": "1", "amount": "12.5", "write_id": "w1", "gone": false },
            "o#2": { "rev": "4", "amount": "0", "write_id": "w2", "gone": true },
        }})
    }

    #[test]
    fn reads_one_mark_an_order() {
        let marks = RunningTotal.marks(&item("12.50", 1)).unwrap();
        assert_eq!(marks.iter().map(|mark| mark.cause.as_str()).collect::<Vec<_>>(), ["C%231#o%231", "C%231#o%232"]);
        let facts = [("rev", "1"), ("amount", "12.50"), ("customer", "C#1")];
        let facts = facts.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(marks[0].fingerprint, RunningTotal.fingerprint(&facts));
        assert_eq!(RunningTotal.item_key(&marks[0].cause), "C%231");
    }

    #[test]
    fn refuses_a_sum_that_its_orders_do_not_give() {
        assert_eq!(RunningTotal.marks(&item("13", 1)), Err("`total` is 13, its orders give 12.5".to_owned()));
        assert_eq!(RunningTotal.marks(&item("12.5", 2)), Err("`count` is 2, its orders give 1".to_owned()));
    }
}
