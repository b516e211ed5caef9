//! Uploads as people make them: awkward names, titles in many scripts, from nothing to 24 MiB.

use std::collections::BTreeMap;

use firedrill_model::{ids::ResourceId, scenario::SizeRange};

use super::{
    Body, Content, Draw, Generator, Key, KeyNumber, KeySpace, PROBE_PREFIX, Stamp, Value, draw_key, draw_value, gzip,
};
use crate::services::s3::{ObjectSettings, SystemHeader, Upload};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Of every 300 seeded objects this one is 24 MiB, and [`LARGE`] 9 MiB: both by multipart upload. A small seed has them too.
const LARGEST: u64 = 17;
const LARGE: u64 = 11;
const LARGE_EVERY: u64 = 300;

/// Key shapes; `{}` is where the number goes, which makes each key unique.
const SHAPES: [&str; 12] = [
    "uploads/2026/11/invoice-{}.pdf",
    "uploads/scan {} (final) copy.png",
    "uploads/Rechnung-Ümläute-{}.txt",
    "uploads/写真/{}.jpg",
    "uploads/a+b={}&c.csv",
    "uploads/100%-{}%20done.txt",
    "uploads/#hash/{}#part?query=1",
    "uploads/it's \"quoted\" {}.txt",
    "uploads/deeply/nested/folder/with/many/levels/{}/file.bin",
    "uploads/emoji-🧾-{}.json",
    "uploads/~tilde;semi,comma@at:colon!{}.dat",
    "uploads/UPPER.lower.{}.tar.gz",
];
const CONTENT_TYPES: [&str; 5] =
    ["application/pdf", "image/png", "text/plain; charset=utf-8", "application/json", "application/octet-stream"];
const TITLES: [&str; 6] = [
    "Invoice",
    "Lieferschein für Grüße",
    "請求書",
    "Bon de commande n° 7",
    "  two  spaces ",
    "quote \" and \\ backslash",
];
const TEAMS: [&str; 4] = ["returns", "billing", "goods in", "kunden+service"];

/// End of the keys of spreadsheets.
const SPREADSHEET: &str = ".csv";
/// Spreadsheets up to this size are packed; what is larger is not held in memory.
const PACKED_MAX: u64 = 256 * KIB;
const CACHE_CONTROLS: [&str; 3] = ["private, max-age=3600", "no-store", "public, max-age=31536000, immutable"];
const DISPOSITIONS: [&str; 3] = ["inline", "attachment", "attachment; filename=\"scan 7.pdf\""];
const LANGUAGES: [&str; 3] = ["de-DE", "fr-CA, en-CA", "ja"];
const EXPIRIES: [&str; 2] = ["Fri, 01 Jan 2038 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"];
const STORAGE_CLASS: &str = "STANDARD_IA";
/// Of a hundred keys, how many have tags.
const TAGGED_PERCENT: u64 = 60;

/// The generator `upload`. The body begins with a line `title: …`, unless it is too short for one, or a packed
/// spreadsheet.
///
/// Objects of probes have every header, so that a target which drops one is found out before the disaster.
#[derive(Debug)]
pub struct Uploads {
    seed: u64,
    resource: ResourceId,
}

impl Uploads {
    /// Uploads of a bucket.
    pub fn new(seed: u64, resource: &ResourceId) -> Self {
        Self { seed, resource: resource.clone() }
    }

    fn is_tagged(&self, number: KeyNumber) -> bool {
        Draw::at(self.seed, &["tagged", self.resource.as_str(), &number.to_string()]).chance(TAGGED_PERCENT)
    }

    fn object_key(&self, number: KeyNumber) -> String {
        let shape = draw_key(self.seed, &self.resource, number).pick(&SHAPES);
        let key = shape.replace("{}", &number.to_string());
        match number.space() {
            KeySpace::Probe => format!("{PROBE_PREFIX}/{key}"),
            KeySpace::Seed | KeySpace::Traffic => key,
        }
    }
}

impl Generator for Uploads {
    fn key(&self, number: KeyNumber) -> Key {
        Key::Object(self.object_key(number))
    }

    fn value(&self, stamp: &Stamp<'_>) -> Value {
        let mut draw = draw_value(self.seed, &self.resource, stamp);
        let size = match (stamp.number.space(), stamp.size) {
            (KeySpace::Probe, _) => draw.between(64, KIB),
            (KeySpace::Seed, None) => seeded_size(&mut draw, stamp.number.get()),
            (_, Some(range)) => spread(&mut draw, range),
            (KeySpace::Traffic, None) => draw.between(0, 64 * KIB),
        };
        let key = self.object_key(stamp.number);
        let (title, head) = titled(&format!("{} {}", draw.pick(&TITLES), stamp.number), size);
        let content_type = draw.pick(&CONTENT_TYPES);
        let tags = pairs([("team", draw.pick(&TEAMS)), ("retention", draw.pick(&["7y", "10y", "none"]))]);
        let probe = stamp.number.space() == KeySpace::Probe;
        let spreadsheet = (probe || key.ends_with(SPREADSHEET)).then(|| packed(&mut draw, size)).flatten();
        let (title, head) = if spreadsheet.is_some() { (String::new(), String::new()) } else { (title, head) };
        let mut headers = headers(&mut draw, stamp.number, size);
        if spreadsheet.is_some() {
            headers.insert(SystemHeader::ContentEncoding, "gzip".to_owned());
        }
        let content_type = if spreadsheet.is_some() { "text/csv" } else { content_type };
        headers.insert(SystemHeader::ContentType, content_type.to_owned());
        let settings = ObjectSettings {
            headers,
            metadata: pairs([
                ("write-id", stamp.write_id.as_str()),
                ("rev", &stamp.rev.to_string()),
                ("source", "counter 3; desk=7"),
            ]),
            tags: if self.is_tagged(stamp.number) { tags } else { BTreeMap::new() },
        };
        let upload = Upload { key, settings };
        let body = Body::new(spreadsheet.as_deref().unwrap_or(head.as_bytes()), draw, size);
        let facts = pairs([
            ("size", &size.to_string()),
            ("sha256", body.sha256()),
            ("title", &title),
            ("rev", &stamp.rev.to_string()),
        ]);
        Value { content: Content::Object { upload, body }, facts, expires_ms: None }
    }

    /// An object with tags is never deleted: the local target does not give the tags of a version below a delete marker,
    /// so that no backup of it could hold them. (S3 gives them.)
    fn may_be_deleted(&self, number: KeyNumber) -> bool {
        !self.is_tagged(number)
    }
}

/// A spreadsheet of exactly this size; `None` when that is too small or too large for one.
fn packed(draw: &mut Draw, size: u64) -> Option<Vec<u8>> {
    let size = usize::try_from(size).ok().filter(|_| size <= PACKED_MAX)?;
    gzip::csv(draw, size)
}

/// The headers of an object beside its type and encoding. Few have most of them; probes, and what is sent in parts, have
/// all that there are.
fn headers(draw: &mut Draw, number: KeyNumber, size: u64) -> BTreeMap<SystemHeader, String> {
    let all = number.space() == KeySpace::Probe || size > 8 * MIB;
    let moved = format!("/uploads/moved/{number}");
    [
        (SystemHeader::CacheControl, 30, draw.pick(&CACHE_CONTROLS)),
        (SystemHeader::ContentDisposition, 25, draw.pick(&DISPOSITIONS)),
        (SystemHeader::ContentLanguage, 25, draw.pick(&LANGUAGES)),
        (SystemHeader::Expires, 10, draw.pick(&EXPIRIES)),
        (SystemHeader::StorageClass, 10, STORAGE_CLASS),
        (SystemHeader::WebsiteRedirect, if size == 0 { 50 } else { 0 }, &moved),
    ]
    .into_iter()
    .filter(|(_, percent, _)| draw.chance(*percent) || all)
    .map(|(header, _, value)| (header, value.to_owned()))
    .collect()
}

/// Most are small; the whole of 300 is about 40 MiB.
fn seeded_size(draw: &mut Draw, number: u64) -> u64 {
    match number % LARGE_EVERY {
        LARGEST => 24 * MIB,
        LARGE => 9 * MIB,
        other if other % 25 == 3 => 0,
        _ => match draw.below(20) {
            0 => draw.between(64 * KIB, 256 * KIB),
            1..=3 => draw.between(8 * KIB, 64 * KIB),
            4 => draw.between(1, 20),
            _ => draw.between(200, 8 * KIB),
        },
    }
}

/// A size in `range`, every order of magnitude about as often as the next.
pub(super) fn spread(draw: &mut Draw, range: SizeRange) -> u64 {
    let (min, max) = (range.min.bytes(), range.max.bytes().max(range.min.bytes()));
    let bits = draw.between(u64::from(min.max(1).ilog2()), u64::from(max.max(1).ilog2()));
    let (low, high) = ((1 << bits).max(min), ((2_u64 << bits) - 1).min(max));
    draw.between(low.min(high), high)
}

/// The title that fits into `size` bytes, and the line it stands in; neither when the line does not fit at all.
fn titled(wanted: &str, size: u64) -> (String, String) {
    let Some(room) = usize::try_from(size).ok().and_then(|size| size.checked_sub("title: \n".len())) else {
        return (String::new(), String::new());
    };
    let mut title = String::new();
    for char in wanted.chars() {
        if title.len() + char.len_utf8() > room {
            break;
        }
        title.push(char);
    }
    let head = format!("title: {title}\n");
    (title, head)
}

/// Owned pairs.
fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
