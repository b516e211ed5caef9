//! "Did you mean …": the known word nearest to an unknown one.

/// The candidate nearest to `word`, unless even that is too far to be a slip of the fingers.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let tolerated = (word.chars().count() / 3).clamp(1, 4);
    let distance = |candidate: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase());
    candidates
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, candidate)| *distance <= tolerated || abbreviates(word, candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `timeout` for `timeouts`, `region` for `region-outage`.
fn abbreviates(word: &str, candidate: &str) -> bool {
    word.len() >= 4 && (candidate.starts_with(word) || word.starts_with(candidate) && candidate.len() >= 4)
}

/// The help for an unknown word: the nearest known one, or all of them.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(best) = nearest(word, candidates.clone()) {
        return format!("did you mean `{best}`?");
    }
    let known: Vec<String> = candidates.into_iter().map(|candidate| format!("`{candidate}`")).collect();
    if known.is_empty() { "nothing can stand here".to_owned() } else { format!("known here: {}", known.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::{nearest, suggest};

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let words = ["writers", "rate", "mix", "timeouts"];
        for (written, expected) in [
            ("writter", Some("writers")),
            ("rat", Some("rate")),
            ("timeout", Some("timeouts")),
            ("Mix", Some("mix")),
            ("colour", None),
        ] {
            assert_eq!(nearest(written, words), expected, "{written}");
        }
        assert_eq!(suggest("colour", ["rate", "mix"]), "known here: `rate`, `mix`");
    }
}
