//! One colour and one marker per method, the same in every figure and table, in light and dark; colours for amounts.
//!
//! Hues after Okabe and Ito (2008); lightness moved until each stands out from a white and from a near-black
//! ground (tested: contrast ≥ 3) and any two stay apart for colour-deficient eyes (tested: CIE 1976 ΔE ≥ 20).
//! Markers differ too, so that no reading rests on colour alone.

use crate::ramp::{AROUND, RAMP, REACH};

/// What something is drawn in. Figures name roles; only the palette knows colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ink {
    /// Ground.
    Paper,
    /// Titles and labels.
    Text,
    /// Tick labels and captions.
    Muted,
    /// Axis lines.
    Axis,
    /// Grid lines.
    Grid,
    /// A method's colour; see [`Ink::method`].
    Method(usize),
    /// The colour of an earlier method again, with another marker, where a paper has more methods than there are colours.
    Again(usize),
    /// An amount: a step of the ramp, from 0 to [`STEPS`](crate::STEPS) − 1; the same colour on light and dark grounds.
    Amount(u8),
    /// A signed amount: so many of 31 steps above zero or below; the same colour on light and dark grounds.
    Around(i8),
    /// White on any ground, for what lies on dark amounts.
    White,
    /// Near black on any ground, for what lies on light amounts.
    Black,
}

/// Shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// ●
    Circle,
    /// ■
    Square,
    /// ▲
    Up,
    /// ◆
    Diamond,
    /// ▼
    Down,
    /// ✚
    Cross,
}

/// (CSS name, light, dark) of six methods and of two more colours for methods the paper does not have.
const METHODS: [(&str, &str, &str); 8] = [
    ("method-1", "#0a5fb4", "#4d8dff"),
    ("method-2", "#a72b17", "#e8552f"),
    ("method-3", "#b97e00", "#ffd54a"),
    ("method-4", "#2e9bd2", "#7cd8ff"),
    ("method-5", "#0f8a6a", "#45cc91"),
    ("method-6", "#861b6a", "#e37cb8"),
    ("other-a", "#5b5b5b", "#c4c4c4"),
    ("other-b", "#7a4a2b", "#c9a184"),
];

/// How many of the colours are a paper's own.
const OWN: usize = METHODS.len() - 2;

const MARKERS: [Marker; 6] =
    [Marker::Circle, Marker::Square, Marker::Up, Marker::Diamond, Marker::Down, Marker::Cross];

impl Ink {
    /// The colour of a method by its place: the first `known` places are the paper's own, then come the two other
    /// colours in turn, with another marker for each of six. A paper with more methods than there are colours shares
    /// them, with other markers.
    pub fn method(place: usize, known: usize) -> Self {
        match place {
            place if place >= known => Self::Method(OWN + (place - known)),
            place if place >= OWN => Self::Again(place),
            place => Self::Method(place),
        }
    }

    /// The marker that goes with the colour.
    pub fn marker(self) -> Marker {
        match self {
            // The two colours of strangers come back with other markers, too.
            Self::Method(place) => {
                MARKERS[(place + place.saturating_sub(OWN) / MARKERS.len()) % MARKERS.len()]
            }
            // Half a turn away from the marker of the method that has the colour, and further each time, past its own.
            Self::Again(place) => {
                let time = place / OWN;
                MARKERS[(place + MARKERS.len() / 2 + time - 1 + time / 4) % MARKERS.len()]
            }
            _ => Marker::Circle,
        }
    }

    /// What a style sheet of a page calls it: a custom property where light and dark differ, see [`custom_properties`].
    pub fn css(self) -> String {
        match self {
            Self::Amount(_) | Self::Around(_) | Self::White | Self::Black => self.light().to_owned(),
            _ => format!("var(--{})", self.colours().0),
        }
    }

    /// White or black, whichever stands out from it on a light ground.
    pub fn opposite(self) -> Self {
        let channel = |at: usize| u32::from_str_radix(&self.light()[at..at + 2], 16).unwrap_or(0).pow(2);
        // Luminance of a screen, its curve taken for a square, of at most 10 000 · 255²; the two contrasts are equal at about this.
        let luminance = 2126 * channel(1) + 7152 * channel(3) + 722 * channel(5);
        if luminance < 152_000_000 { Self::White } else { Self::Black }
    }

    /// The colour on a light ground, as `#rrggbb`.
    pub fn light(self) -> &'static str {
        self.colours().1
    }

    fn colours(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Paper => ("paper", "#ffffff", "#14171b"),
            Self::Text => ("text", "#1c2127", "#e6e9ed"),
            Self::Muted => ("muted", "#59626d", "#a2acb8"),
            Self::Axis => ("axis", "#7c8590", "#77818d"),
            Self::Grid => ("grid", "#e3e6ea", "#2b3138"),
            Self::Method(place) if place < 6 => METHODS[place],
            Self::Method(place) => METHODS[6 + place % 2],
            Self::Again(place) => METHODS[place % OWN],
            Self::Amount(step) => {
                let colour = RAMP[usize::from(step).min(RAMP.len() - 1)];
                ("", colour, colour)
            }
            Self::Around(step) => {
                let colour = AROUND[(i16::from(step.clamp(-REACH, REACH)) + i16::from(REACH)) as usize];
                ("", colour, colour)
            }
            Self::White => ("", "#ffffff", "#ffffff"),
            Self::Black => ("", "#14171b", "#14171b"),
        }
    }
}

/// `--name:#rrggbb;` for every ink that differs on light and dark pages.
pub fn custom_properties(dark: bool) -> String {
    let roles = [Ink::Paper, Ink::Text, Ink::Muted, Ink::Axis, Ink::Grid];
    let inks = roles.into_iter().chain((0..METHODS.len()).map(Ink::Method));
    let declaration = |ink: Ink| {
        let (name, light, night) = ink.colours();
        format!("--{name}:{};", if dark { night } else { light })
    };
    inks.map(declaration).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rgb = [f64; 3];

    /// Linear light of `#rrggbb`.
    fn linear(hex: &str) -> Rgb {
        [1, 3, 5].map(|i| {
            let share = f64::from(u8::from_str_radix(&hex[i..i + 2], 16).unwrap()) / 255.0;
            if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn times(m: [Rgb; 3], v: Rgb) -> Rgb {
        m.map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum())
    }

    /// CIE L*a*b* under D65.
    fn lab(rgb: Rgb) -> Rgb {
        let xyz = times([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], rgb);
        let f = |t: f64| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
        let [x, y, z] = [f(xyz[0] / 0.950_47), f(xyz[1]), f(xyz[2] / 1.088_83)];
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let luminance = |hex| times([[0.2126, 0.7152, 0.0722]; 3], linear(hex))[0] + 0.05;
        let (a, b) = (luminance(a), luminance(b));
        a.max(b) / a.min(b)
    }

    /// Full deficiency after Machado, Oliveira and Fernandes (2009), in linear light.
    const VISIONS: [(&str, [Rgb; 3]); 3] = [
        ("full", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        (
            "protanopia",
            [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
        ),
        (
            "deuteranopia",
            [
                [0.367_322, 0.860_646, -0.227_968],
                [0.280_085, 0.672_501, 0.047_413],
                [-0.011_820, 0.042_940, 0.968_881],
            ],
        ),
    ];

    #[test]
    fn the_six_methods_stay_apart_in_colour_deficient_eyes() {
        for (vision, matrix) in VISIONS {
            for dark in [false, true] {
                let seen =
                    METHODS[..6].iter().map(|m| lab(times(matrix, linear(if dark { m.2 } else { m.1 }))));
                let seen: Vec<Rgb> = seen.collect();
                for (i, a) in seen.iter().enumerate() {
                    for (j, b) in seen.iter().enumerate().skip(i + 1) {
                        let apart = a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
                        let (a, b) = (METHODS[i].0, METHODS[j].0);
                        assert!(apart > 20.0, "{a} and {b} are {apart:.1} apart, {vision}, dark {dark}");
                    }
                }
            }
        }
    }

    #[test]
    fn amounts_grow_lighter_in_even_steps_for_every_eye() {
        for (vision, matrix) in VISIONS {
            let seen: Vec<Rgb> = RAMP.iter().map(|hex| lab(times(matrix, linear(hex)))).collect();
            let steps: Vec<f64> = seen.windows(2).map(|p| p[1][0] - p[0][0]).collect();
            assert!(steps.iter().all(|step| *step > 0.4), "{vision}: lightness {steps:?}");
            assert!(seen[RAMP.len() - 1][0] - seen[0][0] > 70.0, "{vision}");
        }
        let seen: Vec<Rgb> = RAMP.iter().map(|hex| lab(linear(hex))).collect();
        let apart = |p: &[Rgb]| p[0].iter().zip(p[1]).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
        let steps: Vec<f64> = seen.windows(2).map(apart).collect();
        let ends = steps.iter().fold((f64::MAX, 0.0f64), |(low, high), s| (low.min(*s), high.max(*s)));
        assert!(ends.1 < 2.0 * ends.0, "steps of {ends:?}");
    }

    #[test]
    fn signed_amounts_grow_darker_away_from_zero_and_their_sides_stay_apart() {
        for (vision, matrix) in VISIONS {
            let seen: Vec<Rgb> = AROUND.iter().map(|hex| lab(times(matrix, linear(hex)))).collect();
            let middle = usize::from(REACH.unsigned_abs());
            for away in 0..middle {
                let darker = |from: usize, to: usize| seen[from][0] - seen[to][0] > 0.4;
                assert!(darker(middle - away, middle - away - 1), "{vision}, {away} below zero");
                assert!(darker(middle + away, middle + away + 1), "{vision}, {away} above zero");
            }
            for away in middle / 4..=middle {
                let pair = (seen[middle - away], seen[middle + away]);
                let apart = pair.0.iter().zip(pair.1).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
                assert!(apart > 20.0, "{away} steps from zero are {apart:.1} apart, {vision}");
            }
        }
        assert_eq!(Ink::Around(-128).light(), AROUND[0]);
        assert_eq!(Ink::Around(127).css(), AROUND[62]);
    }

    #[test]
    fn what_lies_on_an_amount_stands_out_from_it() {
        let amounts = (0..RAMP.len() as u8).map(Ink::Amount);
        for ink in amounts.chain((-REACH..=REACH).map(Ink::Around)) {
            let (own, on) = (ink.light(), ink.opposite().light());
            assert!(contrast(own, on) >= 4.0, "{own} under {on}: {}", contrast(own, on));
        }
        assert_eq!(
            (Ink::Amount(255).css(), Ink::Grid.css()),
            (RAMP[63].to_owned(), "var(--grid)".to_owned())
        );
        assert!(!custom_properties(true).contains("--:"));
    }

    #[test]
    fn lines_and_words_stand_out_from_the_ground() {
        let inks = (0..METHODS.len()).map(Ink::Method).chain([Ink::Axis, Ink::Muted, Ink::Text]);
        for ink in inks {
            let least = if matches!(ink, Ink::Muted | Ink::Text) { 4.5 } else { 3.0 };
            let ((name, light, dark), ground) = (ink.colours(), Ink::Paper.colours());
            assert!(contrast(light, ground.1) >= least, "{name} on light: {}", contrast(light, ground.1));
            assert!(contrast(dark, ground.2) >= least, "{name} on dark: {}", contrast(dark, ground.2));
        }
    }

    #[test]
    fn methods_beyond_the_colours_share_them_with_other_markers() {
        // As many as there are pairs of a colour and a marker; of strangers a third.
        let known = (0..36).map(|place| Ink::method(place, 36));
        let all: Vec<Ink> = known.chain((0..12).map(|place| Ink::method(36 + place, 36))).collect();
        let seen = |ink: &Ink| (ink.light(), ink.marker());
        for (place, ink) in all.iter().enumerate() {
            assert!(all[..place].iter().all(|other| seen(other) != seen(ink)), "{place}");
        }
        assert_eq!((all[6].light(), all[0].light()), (all[0].light(), "#0a5fb4"));
    }
}
