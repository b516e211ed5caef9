//! ARNs of the stack's resources at a site, and the way back to logical names.

use firedrill_model::ids::{ResourceId, ResourceKind};
use serde_json::Value;

use super::{Site, clients::EMULATOR_ACCOUNT};

/// Account that owns the resources of a site.
pub(crate) fn account(_site: &Site) -> &'static str {
    EMULATOR_ACCOUNT
}

/// ARN of a resource by its physical name; `None` for a trigger, which has none that is known beforehand.
pub(crate) fn of(site: &Site, kind: ResourceKind, physical: &str) -> Option<String> {
    kind.arn(site.clients.region.as_str(), account(site), physical)
}

/// Puts logical names in place of physical ones, so that two sides can be compared: `${table/orders}`, `${region}`,
/// `${account}`.
#[derive(Debug)]
pub(crate) struct Logical {
    /// What to replace where a name ends, longest first: ARNs, by the id alone.
    arns: Vec<(String, String)>,
    /// ARNs, by the form that [`Site::expand`] takes.
    forms: Vec<(String, String)>,
    /// Names that an environment may refer to.
    data: Vec<(String, String)>,
    own: (String, String),
    region: String,
    account: String,
}

impl Logical {
    /// For the configuration of `own`.
    pub(crate) fn new(site: &Site, own: &ResourceId) -> Self {
        let (mut arns, mut forms, mut data) = (Vec::new(), Vec::new(), Vec::new());
        for (id, physical) in site.names() {
            let Some(kind) = id.kind() else { continue };
            if let (Some(arn), Some(form)) = (of(site, kind, physical), id.arn()) {
                arns.push((arn.clone(), format!("${{{id}}}")));
                forms.push((arn, form));
            }
            if kind.is_called_by_name() {
                data.push((physical.to_owned(), format!("${{{id}}}")));
            }
        }
        for list in [&mut arns, &mut forms, &mut data] {
            list.sort_by_key(|(physical, _)| std::cmp::Reverse(physical.len()));
        }
        Self {
            arns,
            forms,
            data,
            own: (site.physical(own).to_owned(), format!("${{{own}}}")),
            region: site.clients.region.to_string(),
            account: account(site).to_owned(),
        }
    }

    /// A text of a describe call.
    pub(crate) fn text(&self, text: &str) -> String {
        let (physical, logical) = &self.own;
        if text == physical {
            return logical.clone();
        }
        let mut text = self.arns.iter().fold(text.to_owned(), |text, (arn, id)| replace_name(&text, arn, id));
        if let Some(head) = text.strip_suffix(physical.as_str()).filter(|head| head.ends_with('/')) {
            text = format!("{head}{logical}");
        }
        text.replace(&self.region, "${region}").replace(&self.account, "${account}")
    }

    /// A value of a function's environment: what [`Site::expand`] made of `${table/orders}` or of an ARN, back.
    pub(crate) fn environment(&self, text: &str) -> String {
        let text = self.forms.iter().fold(text.to_owned(), |text, (arn, form)| replace_name(&text, arn, form));
        self.data.iter().fold(text, |text, (physical, id)| replace_name(&text, physical, id))
    }

    /// Every text in a value.
    pub(crate) fn value(&self, value: &Value) -> Value {
        each_text(value, &|text| self.text(text))
    }

    /// A policy document in the form that [`Site::expand`] takes: what [`Logical::value`] gives for people and comparison
    /// cannot be turned back.
    pub(crate) fn document(&self, value: &Value) -> Value {
        each_text(value, &|text| {
            let text = self.forms.iter().fold(text.to_owned(), |text, (arn, form)| replace_name(&text, arn, form));
            text.replace(&self.region, "${region}").replace(&self.account, "${account}")
        })
    }
}

/// The same value with every text in it replaced.
fn each_text(value: &Value, with: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(with(text)),
        Value::Array(list) => Value::Array(list.iter().map(|value| each_text(value, with)).collect()),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(name, value)| (name.clone(), each_text(value, with))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Replaces `name` where it is not a part of a longer name.
fn replace_name(text: &str, name: &str, with: &str) -> String {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        let starts = !before.chars().next_back().is_some_and(in_name);
        let ends = !after.chars().next().is_some_and(in_name);
        out.push_str(before);
        out.push_str(if starts && ends { with } else { name });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::replace_name;

    #[test]
    fn a_name_is_replaced_only_where_it_is_whole() {
        for (text, expected) in [
            ("orders", "X"),
            ("arn:table/orders/index/a", "arn:table/X/index/a"),
            ("orders-archive", "orders-archive"),
            ("my-orders", "my-orders"),
            ("s3://orders/a,orders", "s3://X/a,X"),
            ("", ""),
        ] {
            assert_eq!(replace_name(text, "orders", "X"), expected);
        }
    }
}
