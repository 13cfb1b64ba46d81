//! How numbers are written: one way for the terminal, Markdown, LaTeX and HTML alike.

use basin_metrics::Metric;
use basin_metrics::stats::Summary;

pub(crate) use basin_plot::{MISSING, fixed};

/// A value in the unit and with the decimals in which its metric is shown.
pub(crate) fn shown(value: f64, metric: &Metric) -> String {
    fixed(metric.scale() * value, metric.decimals)
}

/// As [`shown`], with a plus sign for what is above zero.
pub(crate) fn signed(value: f64, metric: &Metric) -> String {
    let text = shown(value, metric);
    let above = value > 0.0 && text.chars().any(|c| c.is_ascii_digit() && c != '0');
    if above { format!("+{text}") } else { text }
}

/// `94.43 ± 0.12`; without the deviation where there is none.
pub(crate) fn shown_summary(summary: &Summary, metric: &Metric) -> String {
    match deviation(summary) {
        Some(sd) if summary.mean.is_finite() => {
            format!("{} ± {}", shown(summary.mean, metric), shown(sd, metric))
        }
        _ => shown(summary.mean, metric),
    }
}

/// The deviation, when at least two values stand behind it and it is finite.
pub(crate) fn deviation(summary: &Summary) -> Option<f64> {
    (summary.n > 1 && summary.sd.is_finite()).then_some(summary.sd)
}

/// Whole numbers in groups of three: `250 000`, with spaces that do not break.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `45 s`, `12 min 5 s`, `2 h 13 min`.
pub(crate) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return MISSING.to_owned();
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A footnote number as superscript digits.
pub(crate) fn superscript(number: usize) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    number.to_string().bytes().map(|b| DIGITS[usize::from(b - b'0')]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_true_signs_and_no_negative_zero() {
        let accuracy = Metric::find("ensemble-accuracy").unwrap();
        assert_eq!(shown(-0.717_4, accuracy), "−71.74");
        assert_eq!(shown(-0.000_01, accuracy), "0.00");
        assert_eq!(signed(0.005, accuracy), "+0.50");
        assert_eq!(signed(0.000_01, accuracy), "0.00");
    }

    #[test]
    fn long_numbers_and_times_are_grouped_for_reading() {
        assert_eq!(grouped(1_250_000), "1\u{202f}250\u{202f}000");
        assert_eq!(grouped(12), "12");
        assert_eq!(
            [duration(45.2), duration(725.0), duration(8_000.0)],
            ["45 s", "12 min 5 s", "2 h 13 min"]
        );
        assert_eq!(duration(f64::NAN), "–");
        assert_eq!(superscript(12), "¹²");
    }
}
