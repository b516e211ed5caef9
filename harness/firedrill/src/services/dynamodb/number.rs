//! DynamoDB numbers: up to 38 significant digits, 1E-130 to 9.9E+125, compared by value.

/// Exponents beyond this are no DynamoDB numbers; the bound keeps the plain text short.
const EXPONENT_MAX: i64 = 200;

/// The one text of a number: plain decimal without superfluous zeros, so that `1.0`, `1` and `1e0` are `1`. Every digit is
/// kept. Text that is no number is returned as it is.
pub(super) fn normal(text: &str) -> String {
    parse(text).map_or_else(|| text.to_owned(), |number| number.plain())
}

/// `digits × 10^exponent`; digits without leading and trailing zeros, empty for zero.
struct Number {
    negative: bool,
    digits: String,
    exponent: i64,
}

fn parse(text: &str) -> Option<Number> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let kept = digits.trim_end_matches('0');
    let dropped = i64::try_from(digits.len() - kept.len()).ok()?;
    let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(dropped)?;
    let number = Number { negative, digits: kept.trim_start_matches('0').to_owned(), exponent };
    (number.digits.is_empty() || exponent.abs() <= EXPONENT_MAX).then_some(number)
}

impl Number {
    fn plain(&self) -> String {
        if self.digits.is_empty() {
            return String::from("0");
        }
        let sign = if self.negative { "-" } else { "" };
        let places = usize::try_from(self.exponent.unsigned_abs()).unwrap_or(usize::MAX);
        if self.exponent >= 0 {
            return format!("{sign}{}{}", self.digits, "0".repeat(places));
        }
        if places >= self.digits.len() {
            return format!("{sign}0.{}{}", "0".repeat(places - self.digits.len()), self.digits);
        }
        let (whole, fraction) = self.digits.split_at(self.digits.len() - places);
        format!("{sign}{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_text_for_one_value() {
        for (text, expected) in [
            ("1", "1"),
            ("1.0", "1"),
            ("1e0", "1"),
            ("+01.00", "1"),
            ("100", "100"),
            ("1E2", "100"),
            ("-0", "0"),
            ("0.000", "0"),
            ("0e999999", "0"),
            ("12.50", "12.5"),
            ("-1.5e-3", "-0.0015"),
            ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
            ("0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678"),
            ("not a number", "not a number"),
            ("1e99999", "1e99999"),
            ("", ""),
            ("-", "-"),
            (".5", "0.5"),
        ] {
            assert_eq!(normal(text), expected, "of `{text}`");
        }
    }

    proptest! {
        #[test]
        fn shifting_the_point_and_the_exponent_changes_nothing(digits in "[1-9][0-9]{0,37}", exponent in -90_i64..90, zeros in 0_usize..6) {
            let plain = format!("{digits}e{exponent}");
            let shifted = format!("{digits}{}e{}", "0".repeat(zeros), exponent - i64::try_from(zeros).unwrap());
            prop_assert_eq!(normal(&plain), normal(&shifted));
        }

        #[test]
        fn normal_text_is_its_own_normal_text(digits in "-?[0-9]{1,20}(\\.[0-9]{1,18})?") {
            let once = normal(&digits);
            prop_assert_eq!(normal(&once), once);
        }

        #[test]
        fn another_digit_is_another_value(digits in "[1-9][0-9]{0,36}", last in 1_u8..9) {
            let (one, other) = (format!("{digits}{last}"), format!("{digits}{}", last + 1));
            prop_assert_ne!(normal(&one), normal(&other));
        }
    }
}
