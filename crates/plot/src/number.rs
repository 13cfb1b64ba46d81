//! How numbers are written: one way on axes, in tables and in text.

/// What stands where there is no number.
pub const MISSING: &str = "–";

/// Fixed decimals with a true minus sign; a value that rounds to zero has no sign; non-finite is a dash.
pub fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return MISSING.to_owned();
    }
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().all(|c| matches!(c, '0' | '.')) => digits.to_owned(),
        Some(digits) => format!("−{digits}"),
        None => text,
    }
}

/// The label of a tick with one leading digit: fixed decimals, or a power of ten (`3e−5`, `1e6`) where digits would only be zeros.
pub(crate) fn tick(at: f64, decimals: usize) -> String {
    let size = at.abs();
    if size == 0.0 || (1e-4..1e5).contains(&size) {
        return fixed(at, decimals);
    }
    format!("{at:.0e}").replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_true_signs_and_no_negative_zero() {
        assert_eq!(fixed(-71.74, 2), "−71.74");
        assert_eq!(fixed(-0.001, 2), "0.00");
        assert_eq!(fixed(f64::NAN, 2), "–");
        assert_eq!(fixed(f64::NEG_INFINITY, 2), "–");
    }

    #[test]
    fn ticks_far_from_one_are_short() {
        assert_eq!([tick(0.3, 1), tick(0.0, 2), tick(20_000.0, 0)], ["0.3", "0.00", "20000"]);
        assert_eq!([tick(1e6, 0), tick(3.0 * 1e-5, 5)], ["1e6", "3e−5"]);
    }
}
