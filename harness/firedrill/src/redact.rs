//! Taking secrets out of what people will read: the output of the user's own programs, plans, captures.

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Words that make the value behind them a secret: `password=…`, `"SecretAccessKey": "…"`, `X-Amz-Signature=…`.
const SECRET_NAMES: [&str; 14] = [
    "secret",
    "password",
    "passwd",
    "passphrase",
    "token",
    "authorization",
    "credential",
    "signature",
    "apikey",
    "api_key",
    "accesskey",
    "access_key",
    "privatekey",
    "private_key",
];

/// Beginnings of tokens that are recognised alone, with the least length they have: AWS access key ids, GitHub, Slack
/// and JSON web tokens.
const TOKENS: [(&str, usize); 8] = [
    ("AKIA", 20),
    ("ASIA", 20),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("github_pat_", 20),
    ("xox", 20),
    ("eyJ", 30),
];

/// Takes the secrets out of the lines of one stream, one line after the other.
#[derive(Debug, Default)]
pub struct Lines {
    in_key_block: bool,
}

impl Lines {
    /// `line`, which holds no line end, without secrets. `known` are values that are secret whatever they look like, the
    /// longest first.
    pub fn redact(&mut self, line: &str, known: &[String]) -> String {
        let block_ends = line.contains("-----END") && line.contains("PRIVATE KEY");
        let block_begins = line.contains("-----BEGIN") && line.contains("PRIVATE KEY");
        let hidden = self.in_key_block || block_begins;
        self.in_key_block = hidden && !block_ends;
        if hidden { REDACTED.to_owned() } else { redact_line(line, known) }
    }
}

/// All the lines of a text without secrets. `known` are values that are secret whatever they look like, the longest first.
pub fn redact(text: &str, known: &[String]) -> String {
    let mut lines = Lines::default();
    text.split('\n').map(|line| lines.redact(line, known)).collect::<Vec<_>>().join("\n")
}

/// `text` without the values that are known to be secret, the longest first.
pub fn hide(text: &str, known: &[String]) -> String {
    known
        .iter()
        .filter(|secret| !secret.is_empty())
        .fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), REDACTED))
}

/// The value of a variable as it may be written down.
pub fn redact_value(name: &str, value: &str, known: &[String]) -> String {
    if is_secret_name(name) { REDACTED.to_owned() } else { redact_line(value, known) }
}

/// Whether the name of a variable says that its value is a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRET_NAMES.iter().any(|word| name.contains(word))
}

fn redact_line(line: &str, known: &[String]) -> String {
    redact_named(&redact_words(&redact_user_info(&hide(line, known))))
}

/// `https://user:password@host` without what is before `@`.
fn redact_user_info(line: &str) -> String {
    let Some((scheme, rest)) = line.split_once("://") else { return line.to_owned() };
    let end = rest.find(|c: char| c == '/' || c == '"' || c.is_whitespace()).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let authority = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{REDACTED}@{host}"),
        None => authority.to_owned(),
    };
    format!("{scheme}://{authority}{}", redact_user_info(tail))
}

/// Words that are tokens by themselves.
fn redact_words(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !is_token_char(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        out.push_str(if is_token(word) { REDACTED } else { word });
        let separator = after.chars().next().map_or(0, char::len_utf8);
        out.push_str(&after[..separator]);
        rest = &after[separator..];
    }
    out
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn is_token(word: &str) -> bool {
    TOKENS.iter().any(|(start, length)| word.starts_with(start) && word.len() >= *length)
}

/// Values behind a name that speaks of a secret.
fn redact_named(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(['=', ':']) {
        let (name, value) = (&rest[..at], &rest[at + 1..]);
        out.push_str(&rest[..=at]);
        rest = value;
        if !names_a_secret(name) {
            continue;
        }
        let lead = value.len() - value.trim_start_matches([' ', '\t', '"', '\'']).len();
        out.push_str(&value[..lead]);
        let body = &value[lead..];
        // A header's value has spaces in it; everything else ends at one.
        let to_the_end = name.to_ascii_lowercase().contains("authorization");
        let end = if to_the_end { body.len() } else { body.find(ends_value).unwrap_or(body.len()) };
        if end > 0 {
            out.push_str(REDACTED);
        }
        rest = &body[end..];
    }
    out.push_str(rest);
    out
}

fn names_a_secret(before: &str) -> bool {
    let trimmed = before.trim_end_matches([' ', '"', '\'']);
    let start = trimmed.rfind(|c: char| !is_token_char(c)).map_or(0, |at| at + 1);
    is_secret_name(trimmed.get(start..).unwrap_or(trimmed))
}

fn ends_value(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '&' | ',' | ';' | '}' | ')')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_and_the_rest_stays() {
        let jwt = format!("eyJ{}", "a.b".repeat(12));
        let cases = [
            ("copied 2000 items in 1.2 s", "copied 2000 items in 1.2 s"),
            ("key: orders/2026#1", "key: orders/2026#1"),
            ("password=hunter2 next", "password=[redacted] next"),
            (
                "\"SecretAccessKey\": \"abc/def\", \"Region\": \"eu\"",
                "\"SecretAccessKey\": \"[redacted]\", \"Region\": \"eu\"",
            ),
            ("GET /?X-Amz-Signature=0af&x=1", "GET /?X-Amz-Signature=[redacted]&x=1"),
            ("Authorization: AWS4-HMAC-SHA256 abc, d=e", "Authorization: [redacted]"),
            ("export AWS_SESSION_TOKEN='a b'", "export AWS_SESSION_TOKEN='[redacted] b'"),
            ("id AKIAIOSFODNN7EXAMPLE used", "id [redacted] used"),
            ("from https://me:pw@host/x and http://h/", "from https://[redacted]@host/x and http://h/"),
            (&format!("jwt {jwt}"), "jwt [redacted]"),
            ("the vault's own", "the vault's own"),
            ("s3kr1t!", "[redacted]"),
        ];
        for (text, expected) in cases {
            assert_eq!(redact(text, &["s3kr1t!".to_owned()]), expected, "for {text}");
        }
    }

    #[test]
    fn a_private_key_is_taken_out_as_a_block() {
        let text = "before\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nafter";
        assert_eq!(redact(text, &[]), "before\n[redacted]\n[redacted]\n[redacted]\nafter");
    }

    #[test]
    fn the_name_of_a_variable_makes_its_value_a_secret() {
        for (name, value, expected) in [
            ("VAULT_TOKEN", "abc", REDACTED),
            ("DB_PASSWORD", "a b", REDACTED),
            ("ENTRIES", "12", "12"),
            ("DB_URL", "postgres://me:pw@host/x", "postgres://[redacted]@host/x"),
            ("HINT", "see s3kr1t!", "see [redacted]"),
        ] {
            assert_eq!(redact_value(name, value, &["s3kr1t!".to_owned()]), expected, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_named_value_never_survives(name in "(db_)?(password|secret|token)", value in "[a-zA-Z0-9/+]{6,40}") {
            for text in [format!("{name}={value}"), format!("{{\"{name}\": \"{value}\"}}")] {
                let out = redact(&text, &[]);
                proptest::prop_assert!(!out.contains(&value), "{out}");
            }
        }

        #[test]
        fn any_text_is_taken(text in "\\PC*") {
            let once = redact(&text, &[]);
            proptest::prop_assert_eq!(once.lines().count(), text.lines().count());
        }
    }
}
