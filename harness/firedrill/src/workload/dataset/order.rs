//! Orders as a shop keeps them: `customer` and `order`, with every type that DynamoDB has and numbers at its limits.

use std::collections::{BTreeMap, HashMap};

use aws_smithy_types::Blob;
use firedrill_model::ids::ResourceId;

use super::{
    AttributeValue, Content, Draw, Generator, Key, KeyNumber, KeySpace, PROBE_PREFIX, Stamp, Value, draw_key,
    draw_value,
};

const CUSTOMERS: u64 = 500;
const STATUSES: [&str; 5] = ["placed", "paid", "packed", "shipped", "delivered"];
const GIVEN: [&str; 10] = ["Ana", "Zoë", "Søren", "Łukasz", "Nguyễn", "美咲", "محمد", "Ólafur", "O'Brien", "Jean-Luc"];
const FAMILY: [&str; 8] = ["Müller", "García", "Åkesson", "Nowak", "佐藤", "Van der Berg", "d'Arc", "Ivanović"];
const STREETS: [&str; 5] = ["Hauptstraße", "Calle Mayor", "Rue de l'Église", "Ulica Długa", "桜通り"];
const PRODUCTS: [&str; 6] = ["lamp", "café crème ☕", "näh-set", "ladder 3 m", "", "🪴 plant \"Zuzu\""];
const LABELS: [&str; 5] = ["gift", "fragile", "first-order", "großkunde", "🚚"];

/// DynamoDB keeps 38 significant digits and magnitudes from 1E-130 to 9.99…E+125 (its developer guide, "Number").
const NUMBER_DIGITS: usize = 38;
const NUMBER_EXTREMES: [&str; 4] = [
    "1E-130",
    "-1E-130",
    "9.9999999999999999999999999999999999999E+125",
    "-9.9999999999999999999999999999999999999E+125",
];

/// The day of the newest orders, 2026-11-23, in days since 1970.
const LAST_DAY: u64 = 20_780;
const DAYS: u64 = 60;
const DAY_S: u64 = 86_400;
/// Orders expire ten years after they were placed: far from any drill, and the same for every run of a seed.
const KEPT_DAYS: u64 = 3_652;

/// The generator `order`.
#[derive(Debug)]
pub struct Orders {
    seed: u64,
    resource: ResourceId,
}

/// What an order's key decides.
struct Identity {
    customer: String,
    order: String,
    placed_s: u64,
}

impl Orders {
    /// Orders of a table.
    pub fn new(seed: u64, resource: &ResourceId) -> Self {
        Self { seed, resource: resource.clone() }
    }

    fn identity(&self, number: KeyNumber) -> Identity {
        let mut draw = draw_key(self.seed, &self.resource, number);
        let customer = match number.space() {
            KeySpace::Probe => PROBE_PREFIX.to_owned(),
            KeySpace::Seed | KeySpace::Traffic => format!("C-{:05}", draw.below(CUSTOMERS)),
        };
        let day = LAST_DAY - draw.below(DAYS);
        let placed_s = day * DAY_S + draw.below(DAY_S);
        Identity { customer, order: format!("{}#{number}", date(placed_s)), placed_s }
    }
}

impl Generator for Orders {
    fn key(&self, number: KeyNumber) -> Key {
        let Identity { customer, order, .. } = self.identity(number);
        Key::item(("customer", AttributeValue::S(customer)), Some(("order", AttributeValue::S(order))))
    }

    fn value(&self, stamp: &Stamp<'_>) -> Value {
        let Identity { customer, order, placed_s } = self.identity(stamp.number);
        let mut draw = draw_value(self.seed, &self.resource, stamp);
        let cents = draw.between(1, 250_000);
        let amount = format!("{}.{:02}", cents / 100, cents % 100);
        let expires_s = placed_s + KEPT_DAYS * DAY_S;
        let status = STATUSES[usize::try_from((stamp.rev - 1) % STATUSES.len() as u64).unwrap_or(0)];
        let mut item = details(&mut draw);
        item.extend(named([
            ("customer", text(&customer)),
            ("order", text(&order)),
            ("status", text(status)),
            ("placed_at", text(&timestamp(placed_s))),
            ("amount", number(&amount)),
            ("rev", number(stamp.rev)),
            ("write_id", text(stamp.write_id.as_str())),
            ("expires_at", number(expires_s)),
        ]));
        let facts = [("customer", customer), ("order", order), ("amount", amount), ("rev", stamp.rev.to_string())];
        Value {
            content: Content::Item(item),
            facts: facts.map(|(name, fact)| (name.to_owned(), fact)).into_iter().collect::<BTreeMap<_, _>>(),
            expires_ms: Some(expires_s * 1000),
        }
    }
}

/// The attributes that only have to come back as they were: one of every type, and the awkward ones.
fn details(draw: &mut Draw) -> HashMap<String, AttributeValue> {
    let name = format!("{} {}", draw.pick(&GIVEN), draw.pick(&FAMILY));
    let lines = (0..draw.between(0, 5)).map(|_| line(draw)).collect();
    let labels = subset(draw, &LABELS);
    let weights = (1..=draw.between(1, 4)).map(|at| format!("{at}.{}", draw.digits(3))).collect();
    let signature_bytes = draw.between(0, 64);
    let note = if draw.chance(30) {
        ""
    } else {
        draw.pick(&["Klingel defekt — bitte 2× läuten", "line\nbreak\tand \\", "\u{200d}👩‍🚀"])
    };
    named([
        ("name", text(&name)),
        ("address", address(draw, &name)),
        ("lines", AttributeValue::L(lines)),
        ("labels", AttributeValue::Ss(labels)),
        ("weights", AttributeValue::Ns(weights)),
        ("signature", AttributeValue::B(Blob::new(draw.bytes(signature_bytes)))),
        ("stamps", AttributeValue::Bs(vec![Blob::new(draw.bytes(4)), Blob::new(draw.bytes(5))])),
        ("ledger_number", number(draw.digits(NUMBER_DIGITS))),
        ("rate", number(draw.pick(&NUMBER_EXTREMES))),
        ("note", text(note)),
        ("gift", AttributeValue::Bool(draw.chance(10))),
        ("coupon", AttributeValue::Null(true)),
    ])
}

fn line(draw: &mut Draw) -> AttributeValue {
    let price = format!("{}.{}", draw.below(900), draw.digits(2));
    AttributeValue::M(named([
        ("sku", text(&format!("SKU-{}", draw.digits(6)))),
        ("title", text(draw.pick(&PRODUCTS))),
        ("quantity", number(draw.between(1, 12))),
        ("price", number(price)),
        ("options", AttributeValue::L(vec![text("size"), number(draw.between(30, 52)), AttributeValue::Null(true)])),
    ]))
}

fn address(draw: &mut Draw, name: &str) -> AttributeValue {
    let geo = named([
        ("lat", number(format!("{}.{}", draw.below(89), draw.digits(9)))),
        ("lon", number(format!("-{}.{}", draw.below(179), draw.digits(9)))),
    ]);
    AttributeValue::M(named([
        ("to", text(name)),
        ("street", text(&format!("{} {}", draw.pick(&STREETS), draw.between(1, 199)))),
        ("extra", text("")),
        ("geo", AttributeValue::M(geo)),
    ]))
}

/// At least one of `all`: DynamoDB has no empty sets.
fn subset(draw: &mut Draw, all: &[&str]) -> Vec<String> {
    let always = draw.index(all.len());
    let mut chosen = Vec::new();
    for (at, word) in all.iter().enumerate() {
        if at == always || draw.chance(40) {
            chosen.push((*word).to_owned());
        }
    }
    chosen
}

fn named<const N: usize>(attributes: [(&str, AttributeValue); N]) -> HashMap<String, AttributeValue> {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "numbers and short texts made on the spot")]
fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// `2026-11-23T14:02:11Z`.
fn timestamp(epoch_s: u64) -> String {
    instant(epoch_s).to_string()
}

/// `2026-11-23`.
fn date(epoch_s: u64) -> String {
    instant(epoch_s).strftime("%Y-%m-%d").to_string()
}

fn instant(epoch_s: u64) -> jiff::Timestamp {
    i64::try_from(epoch_s).ok().and_then(|s| jiff::Timestamp::from_second(s).ok()).unwrap_or_default()
}
