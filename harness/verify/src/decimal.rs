//! Exact decimals: numbers of items are compared by value, since `DynamoDB` writes `12.50` back as `12.5`.

use std::fmt;

/// A decimal of at most 38 significant digits, `mantissa × 10^exponent`, without trailing zeros in the mantissa.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Decimal {
    mantissa: i128,
    exponent: i32,
}

impl Decimal {
    /// Reads `-12.50`, `7`, `1.2E+3`; `None` when it is not a number or has more digits than can be held.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (number, power) = match text.split_once(['e', 'E']) {
            Some((number, power)) => (number, power.strip_prefix('+').unwrap_or(power).parse().ok()?),
            None => (text, 0_i32),
        };
        let (negative, digits) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
        let exponent = power.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        Some(Self { mantissa: if negative { -mantissa } else { mantissa }, exponent }.normal())
    }

    /// Its value, when it is a whole number that is not negative.
    pub(crate) fn whole(self) -> Option<u128> {
        u128::try_from(self.scaled_to(0)?).ok()
    }

    /// `self + other`; `None` when it cannot be held.
    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        let exponent = self.exponent.min(other.exponent);
        let mantissa = self.scaled_to(exponent)?.checked_add(other.scaled_to(exponent)?)?;
        Some(Self { mantissa, exponent }.normal())
    }

    fn scaled_to(self, exponent: i32) -> Option<i128> {
        let power = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        if self.mantissa == 0 { Some(0) } else { self.mantissa.checked_mul(10_i128.checked_pow(power)?) }
    }

    fn normal(mut self) -> Self {
        if self.mantissa == 0 {
            return Self::default();
        }
        while self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.exponent += 1;
        }
        self
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u32::try_from(self.exponent).ok().and_then(|power| 10_i128.checked_pow(power)) {
            Some(factor) if self.mantissa.checked_mul(factor).is_some() => write!(f, "{}", self.mantissa * factor),
            _ if (-20..0).contains(&self.exponent) => {
                let places = self.exponent.unsigned_abs() as usize;
                let digits = format!("{:0>width$}", self.mantissa.unsigned_abs(), width = places + 1);
                let (whole, fraction) = digits.split_at(digits.len() - places);
                write!(f, "{}{whole}.{fraction}", if self.mantissa < 0 { "-" } else { "" })
            }
            _ => write!(f, "{}E{}", self.mantissa, self.exponent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_by_value_whatever_the_text() {
        for (left, right) in [("12.50", "12.5"), ("1E+2", "100"), ("0.00", "0"), ("-7.10", "-7.1"), ("120e-1", "12")] {
            assert_eq!(Decimal::parse(left), Decimal::parse(right), "{left} {right}");
            assert!(Decimal::parse(left).is_some());
        }
        assert_ne!(Decimal::parse("1"), Decimal::parse("10"));
        let largest = "9".repeat(38);
        assert_eq!(Decimal::parse(&largest).map(|number| number.to_string()), Some(largest));
    }

    #[test]
    fn sums_exactly_and_prints_plainly() {
        let sum = ["0.10", "0.20", "-12", "100"]
            .into_iter()
            .filter_map(Decimal::parse)
            .try_fold(Decimal::default(), Decimal::plus)
            .unwrap();
        assert_eq!(sum.to_string(), "88.3");
    }

    #[test]
    fn whole_numbers_are_told_from_others() {
        let table =
            [("0", Some(0)), ("12.00", Some(12)), ("1.2E+3", Some(1200)), ("-1", None), ("1.5", None), ("5e-1", None)];
        for (text, whole) in table {
            assert_eq!(Decimal::parse(text).and_then(Decimal::whole), whole, "{text}");
        }
    }

    #[test]
    fn prints_with_an_exponent_what_would_be_too_long() {
        for (text, printed) in [
            ("1E+37", "1".to_owned() + &"0".repeat(37)),
            ("2E+38", "2E38".to_owned()),
            ("1E+40", "1E40".to_owned()),
            ("1E-20", format!("0.{}1", "0".repeat(19))),
            ("1E-21", "1E-21".to_owned()),
            ("-1.5", "-1.5".to_owned()),
        ] {
            assert_eq!(Decimal::parse(text).map(|number| number.to_string()), Some(printed), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in ["", "-", "abc", "1.2.3", "0x10", "1e", "١", ".5", "+5", "-+5", "1.+5"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
