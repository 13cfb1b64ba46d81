//! Views as text, read and written.

use super::{Parameter, Stage, Transformation, View};
use basin_data::DataError;

/// Between transformations.
const THEN: char = '+';
/// Before parameters.
const WITH: char = ':';
/// Before the seed.
const SEED: char = '@';

pub(super) fn parse(text: &str) -> Result<View, DataError> {
    let refused = |what: &str, expected: String, found: &str| {
        let (view, what, found) = (text.to_owned(), what.to_owned(), found.to_owned());
        Err(DataError::View { view, what, expected, found })
    };
    let (chain, seed) = match text.split_once(SEED) {
        None => (text, 0),
        Some((chain, seed)) => match seed.parse() {
            Ok(number) => (chain, number),
            Err(_) => return refused("the seed", format!("a whole number in 0..={}", u64::MAX), seed),
        },
    };
    let mut stages = Vec::new();
    for part in chain.split(THEN) {
        let (id, numbers) = part.split_once(WITH).map_or((part, None), |(id, numbers)| (id, Some(numbers)));
        let transformation = named(text, id)?;
        let written: Vec<&str> = numbers.map(|numbers| numbers.split(',').collect()).unwrap_or_default();
        let parameters = transformation.parameters();
        if written.len() != parameters.len() {
            return refused("a part", transformation.usage() + &ranges(parameters), part);
        }
        let mut read = Vec::with_capacity(written.len());
        for (parameter, written) in parameters.iter().zip(written) {
            match number(parameter, written) {
                Some(number) => read.push(number),
                None => {
                    return refused(&format!("the {} of {id}", parameter.name), parameter.range(), written);
                }
            }
        }
        stages.push(Stage { transformation, numbers: read });
    }
    Ok(View { stages, seed, frost: None })
}

/// A decimal number in range. Exponents, infinities and signs before what is positive are not written.
fn number(parameter: &Parameter, text: &str) -> Option<f64> {
    let plain = text.strip_prefix('-').unwrap_or(text);
    let digits = plain.starts_with(|c: char| c.is_ascii_digit())
        && plain.chars().all(|c| c.is_ascii_digit() || c == '.');
    let number: f64 = text.parse().ok().filter(|_| digits)?;
    let inside = (parameter.least..=parameter.most).contains(&number);
    // Adding makes of −0 what is written 0.
    (inside && (!parameter.whole || number.fract() == 0.0)).then_some(number + 0.0)
}

fn ranges(parameters: &[Parameter]) -> String {
    parameters.iter().map(|parameter| format!(", {} {}", parameter.name, parameter.range())).collect()
}

fn named(text: &str, id: &str) -> Result<&'static Transformation, DataError> {
    Transformation::all().find(|one| one.id == id).ok_or_else(|| {
        let nearest = Transformation::all().min_by_key(|one| strsim::levenshtein(one.id, id));
        DataError::NoView {
            view: text.to_owned(),
            name: id.to_owned(),
            nearest: nearest.map_or("", |one| one.id),
            known: Transformation::all().map(Transformation::usage).collect::<Vec<_>>().join(", "),
        }
    })
}

pub(super) fn write(view: &View) -> String {
    let stage = |Stage { transformation, numbers }: &Stage| {
        let numbers: Vec<String> = numbers.iter().map(f64::to_string).collect();
        let with = if numbers.is_empty() { String::new() } else { format!("{WITH}{}", numbers.join(",")) };
        format!("{}{with}", transformation.id)
    };
    let chain = view.stages.iter().map(stage).collect::<Vec<_>>().join(&THEN.to_string());
    let drawn = view.seed != 0 && view.stages.iter().any(|stage| stage.transformation.random);
    if drawn { format!("{chain}{SEED}{}", view.seed) } else { chain }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str) -> String {
        View::parse(text).unwrap().text()
    }

    fn refused(text: &str) -> String {
        View::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn equal_views_are_written_one_way() {
        for text in [
            "grey",
            "band:0",
            "pair:0,1",
            "rotate:45+fog:2",
            "gaussian_noise:3@7",
            "coloured:0.1@18446744073709551615",
        ] {
            assert_eq!(canonical(text), text);
        }
        assert_eq!(canonical("rotate:045.50@0"), "rotate:45.5");
        assert_eq!(canonical("rotate:-0"), "rotate:0");
        assert_eq!(canonical("grey@7"), "grey", "nothing is drawn");
        assert_eq!(View::parse("band:2.0").unwrap(), View::parse("band:2@3").unwrap());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(angle in -360f64..=360.0, severity in 1u8..=5, seed: u64) {
            let text = canonical(&format!("rotate:{angle}+shot_noise:{severity}@{seed}"));
            let view = View::parse(&text).unwrap();
            prop_assert_eq!(view.stages[0].numbers[0], angle);
            prop_assert_eq!(view.seed, seed);
            prop_assert_eq!(view.text(), text);
        }

        #[test]
        fn no_text_panics(text in "[a-z:+@,.0-9 -]{0,24}") {
            let _ = View::parse(&text);
        }
    }

    #[test]
    fn a_name_that_there_is_not_is_refused_with_the_nearest() {
        let told = refused("rotate:45+gray");
        assert!(
            told.starts_with(
                "no view gray (in \"rotate:45+gray\"), nearest is grey; expected one of grey, band:channel, "
            ),
            "{told}"
        );
        assert!(refused("gaussian-noise:1").contains("nearest is gaussian_noise;"));
        assert!(refused("").starts_with("no view  (in \"\")"));
    }

    #[test]
    fn numbers_out_of_their_range_are_refused_with_it() {
        for (text, words) in [
            ("fog:6", "view \"fog:6\": the severity of fog must be a whole number in 1..=5, found 6"),
            ("fog:2.5", "the severity of fog must be a whole number in 1..=5, found 2.5"),
            ("fog", "a part must be fog:severity, severity a whole number in 1..=5, found fog"),
            ("grey:1", "a part must be grey, found grey:1"),
            ("band:3", "the channel of band must be a whole number in 0..=2, found 3"),
            ("pair:0", "a part must be pair:channel,channel, channel a whole number in 0..=2, channel"),
            ("rotate:1e2", "the angle of rotate must be a number in -360..=360 degrees, found 1e2"),
            ("rotate:NaN", "must be a number in -360..=360 degrees, found NaN"),
            ("rotate:", "the angle of rotate must be a number in -360..=360 degrees, found "),
            ("coloured:1.1", "the probability of coloured must be a number in 0..=1, found 1.1"),
            (
                "grey@x",
                "view \"grey@x\": the seed must be a whole number in 0..=18446744073709551615, found x",
            ),
            ("grey@1@2", "found 1@2"),
        ] {
            let told = refused(text);
            assert!(told.contains(words), "{words} in {told}");
        }
    }
}
