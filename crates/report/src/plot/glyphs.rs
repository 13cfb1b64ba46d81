//! A small stroke font of our own, so that PNG figures carry the same text on machines with and without fonts.
//!
//! Glyphs are centre lines with round ends. Units: baseline at y = 14, capitals and digits reach y = 0, small
//! letters y = 4, descenders y = 18.5; digits share one width so that tick labels line up.

/// Capital height in glyph units.
const CAPITAL: f64 = 14.0;
/// Capital height as a share of the font size, as in common sans-serif faces.
const CAPITAL_SHARE: f64 = 0.7;
/// The outlines below are drawn a little narrow; text reads better at this width.
const STRETCH: f64 = 1.1;
/// Space between two glyphs.
const SPACING: f64 = 3.2;

/// One glyph: character, width of its centre lines, path data.
type Glyph = (char, f64, &'static str);

/// Shown for a character the font does not have.
const UNKNOWN: Glyph = ('\u{fffd}', 8.0, "M0 0H8V14H0Z");

const GLYPHS: &[Glyph] = &[
    (' ', 2.6, ""),
    ('0', 8.0, "M0 4.6A4 4.6 0 0 1 8 4.6V9.4A4 4.6 0 0 1 0 9.4Z"),
    ('1', 8.0, "M1.6 3.2L5 0V14"),
    ('2', 8.0, "M.4 3.9C.6 1.5 2 0 4.1 0C6.2 0 7.6 1.5 7.6 3.6C7.6 6.4 4.6 8.8 .3 14H8"),
    (
        '3',
        8.0,
        "M.6 2.4C1.3 .8 2.6 0 4.1 0C6.1 0 7.5 1.4 7.5 3.4C7.5 5.4 6.1 6.7 4.1 6.7H3M4.1 6.7C6.4 6.7 8 8.1 8 10.3C8 12.5 6.4 14 4 14C2.2 14 .8 13.1 .1 11.5",
    ),
    ('4', 8.0, "M6.2 14V0L0 10H8.4"),
    (
        '5',
        8.0,
        "M7.2 0H1.4L.8 6.3C1.7 5.5 2.8 5 4 5C6.4 5 8 6.9 8 9.4C8 12.1 6.3 14 3.9 14C2.2 14 .9 13.2 .1 11.7",
    ),
    ('6', 8.0, "M6.6 0C2.4 2.4 0 6 0 9.6A4 4.4 0 0 0 8 9.6A4 4.4 0 0 0 0 9.6"),
    ('7', 8.0, "M0 0H8L2.8 14"),
    ('8', 8.0, "M4 6.6A3.5 3.3 0 0 1 4 0A3.5 3.3 0 0 1 4 6.6A4 3.7 0 0 0 4 14A4 3.7 0 0 0 4 6.6Z"),
    ('9', 8.0, "M1.4 14C5.6 11.6 8 8 8 4.4A4 4.4 0 0 0 0 4.4A4 4.4 0 0 0 8 4.4"),
    ('A', 9.6, "M0 14L4.8 0L9.6 14M1.7 9.2H7.9"),
    (
        'B',
        8.4,
        "M0 0V14H4.6C7 14 8.4 12.6 8.4 10.4C8.4 8.2 7 6.8 4.6 6.8H0M4.4 6.8C6.6 6.8 7.8 5.5 7.8 3.4C7.8 1.3 6.6 0 4.4 0H0",
    ),
    ('C', 9.4, "M9.4 2.6C8.5 1 7 0 5.1 0C2 0 0 2.8 0 7C0 11.2 2 14 5.1 14C7 14 8.5 13 9.4 11.4"),
    ('D', 9.2, "M0 0V14H3.8C7.2 14 9.2 11.5 9.2 7C9.2 2.5 7.2 0 3.8 0Z"),
    ('E', 7.4, "M7.2 0H0V14H7.4M0 6.8H6.6"),
    ('F', 7.2, "M7.2 0H0V14M0 7H6.4"),
    ('G', 9.8, "M9.4 2.6C8.5 1 7 0 5.1 0C2 0 0 2.8 0 7C0 11.2 2 14 5.3 14C7.3 14 8.9 13 9.8 11.6V7.4H5.8"),
    ('H', 9.0, "M0 0V14M9 0V14M0 6.8H9"),
    ('I', 0.0, "M0 0V14"),
    ('J', 5.0, "M5 0V10C5 12.6 4 14 2.3 14C1.3 14 .5 13.6 0 12.8"),
    ('K', 8.8, "M0 0V14M8.4 0L0 8.6M3 5.6L8.8 14"),
    ('L', 7.0, "M0 0V14H7"),
    ('M', 10.8, "M0 14V0L5.4 9.4L10.8 0V14"),
    ('N', 9.0, "M0 14V0L9 14V0"),
    ('O', 10.2, "M0 7A5.1 7 0 0 1 10.2 7A5.1 7 0 0 1 0 7Z"),
    ('P', 8.4, "M0 14V0H4.5C7 0 8.4 1.5 8.4 3.9C8.4 6.3 7 7.8 4.5 7.8H0"),
    ('Q', 10.2, "M0 7A5.1 7 0 0 1 10.2 7A5.1 7 0 0 1 0 7ZM6.4 10.6L9.8 14.8"),
    ('R', 8.8, "M0 14V0H4.5C7 0 8.4 1.5 8.4 3.9C8.4 6.3 7 7.8 4.5 7.8H0M4.6 7.8L8.8 14"),
    (
        'S',
        8.2,
        "M7.8 2.5C7 .9 5.7 0 4.1 0C2 0 .5 1.4 .5 3.4C.5 8 8.2 5.8 8.2 10.3C8.2 12.6 6.5 14 4.1 14C2.3 14 .8 13.1 0 11.5",
    ),
    ('T', 9.4, "M0 0H9.4M4.7 0V14"),
    ('U', 9.0, "M0 0V9C0 12.2 1.6 14 4.5 14C7.4 14 9 12.2 9 9V0"),
    ('V', 9.4, "M0 0L4.7 14L9.4 0"),
    ('W', 13.6, "M0 0L3.4 14L6.8 0L10.2 14L13.6 0"),
    ('X', 8.8, "M0 0L8.8 14M8.8 0L0 14"),
    ('Y', 9.0, "M0 0L4.5 7.2L9 0M4.5 7.2V14"),
    ('Z', 8.4, "M0 0H8.2L0 14H8.4"),
    ('a', 7.0, "M0 9A3.5 5 0 0 1 7 9A3.5 5 0 0 1 0 9ZM7 4V14"),
    ('b', 7.0, "M0 0V14M0 9A3.5 5 0 0 1 7 9A3.5 5 0 0 1 0 9Z"),
    ('c', 6.6, "M6.6 5.9C6 4.7 4.9 4 3.6 4C1.4 4 0 6.1 0 9C0 11.9 1.4 14 3.6 14C4.9 14 6 13.3 6.6 12.1"),
    ('d', 7.0, "M7 0V14M0 9A3.5 5 0 0 1 7 9A3.5 5 0 0 1 0 9Z"),
    ('e', 7.0, "M0 8.8H7C7 6 5.7 4 3.6 4C1.4 4 0 6.1 0 9C0 11.9 1.4 14 3.7 14C5.1 14 6.2 13.3 6.8 12"),
    ('f', 4.8, "M5 .3C4.6 .1 4.2 0 3.8 0C2.3 0 1.7 1 1.7 2.6V14M0 4.4H4.6"),
    ('g', 7.0, "M0 9A3.5 5 0 0 1 7 9A3.5 5 0 0 1 0 9ZM7 4V15C7 17.2 5.8 18.5 3.6 18.5C2.3 18.5 1.2 18 .5 17"),
    ('h', 6.6, "M0 0V14M0 8C.3 5.4 1.7 4 3.5 4C5.6 4 6.6 5.4 6.6 7.8V14"),
    ('i', 0.0, "M0 4V14M0 .5V.7"),
    ('j', 1.0, "M1 4V16C1 17.7 .3 18.5 -1 18.5M1 .5V.7"),
    ('k', 6.4, "M0 0V14M6 4L0 10.4M2.4 8L6.4 14"),
    ('l', 0.0, "M0 0V14"),
    (
        'm',
        10.4,
        "M0 4V14M0 8C.2 5.4 1.3 4 2.8 4C4.5 4 5.2 5.4 5.2 7.8V14M5.2 8C5.4 5.4 6.5 4 8 4C9.7 4 10.4 5.4 10.4 7.8V14",
    ),
    ('n', 6.6, "M0 4V14M0 8C.3 5.4 1.7 4 3.5 4C5.6 4 6.6 5.4 6.6 7.8V14"),
    ('o', 7.4, "M0 9A3.7 5 0 0 1 7.4 9A3.7 5 0 0 1 0 9Z"),
    ('p', 7.0, "M0 4V18.5M0 9A3.5 5 0 0 1 7 9A3.5 5 0 0 1 0 9Z"),
    ('q', 7.0, "M7 4V18.5M0 9A3.5 5 0 0 1 7 9A3.5 5 0 0 1 0 9Z"),
    ('r', 3.8, "M0 4V14M0 8.5C.2 5.6 1.6 4 3.8 4.2"),
    (
        's',
        6.0,
        "M5.8 5.8C5.2 4.6 4.3 4 3.1 4C1.5 4 .4 4.9 .4 6.4C.4 9.5 6 8.4 6 11.4C6 13 4.8 14 3.1 14C1.7 14 .6 13.3 0 12",
    ),
    ('t', 4.9, "M1.9 1V11.4C1.9 13.2 2.6 14 4 14C4.4 14 4.8 13.9 5.1 13.7M0 4.4H4.8"),
    ('u', 6.6, "M0 4V10.2C0 12.6 1 14 3.1 14C4.9 14 6.3 12.6 6.6 10M6.6 4V14"),
    ('v', 6.8, "M0 4L3.4 14L6.8 4"),
    ('w', 10.4, "M0 4L2.6 14L5.2 4L7.8 14L10.4 4"),
    ('x', 6.4, "M0 4L6.4 14M6.4 4L0 14"),
    ('y', 7.0, "M0 4L3.5 13.6M7 4L3 16C2.4 17.8 1.5 18.6 .1 18.4"),
    ('z', 6.2, "M0 4H6L0 14H6.2"),
    ('.', 0.0, "M0 13.8V14"),
    (',', 1.0, "M1 13.4L0 16.4"),
    (':', 0.0, "M0 6V6.2M0 13.8V14"),
    (';', 1.0, "M1 6V6.2M1 13.4L0 16.4"),
    ('-', 4.0, "M0 9H4"),
    ('–', 7.0, "M0 9H7"),
    ('−', 7.4, "M0 7.6H7.4"),
    ('+', 7.4, "M0 7.6H7.4M3.7 3.9V11.3"),
    ('±', 7.4, "M0 6H7.4M3.7 2.3V9.7M0 13.4H7.4"),
    ('×', 6.0, "M0 4.6L6 10.6M6 4.6L0 10.6"),
    ('=', 7.4, "M0 5.6H7.4M0 9.6H7.4"),
    ('<', 6.6, "M6.6 3.4L0 7.6L6.6 11.8"),
    ('>', 6.6, "M0 3.4L6.6 7.6L0 11.8"),
    (
        '%',
        12.0,
        "M0 3.2A2.4 3.2 0 0 1 4.8 3.2A2.4 3.2 0 0 1 0 3.2ZM7.2 10.8A2.4 3.2 0 0 1 12 10.8A2.4 3.2 0 0 1 7.2 10.8ZM10.2 0L1.8 14",
    ),
    ('(', 3.0, "M3 -.6C1 1.8 0 4.4 0 7.4C0 10.4 1 13 3 15.6"),
    (')', 3.0, "M0 -.6C2 1.8 3 4.4 3 7.4C3 10.4 2 13 0 15.6"),
    ('[', 2.8, "M2.8 -.6H0V15.6H2.8"),
    (']', 2.8, "M0 -.6H2.8V15.6H0"),
    ('/', 6.0, "M0 15L6 -1"),
    ('\'', 0.0, "M0 0V3.4"),
    ('’', 1.0, "M1 0L0 3"),
    ('"', 3.0, "M0 0V3.4M3 0V3.4"),
    ('_', 7.0, "M0 16H7"),
    ('!', 0.0, "M0 0V9.6M0 13.8V14"),
    ('?', 6.6, "M0 3.2C.3 1.2 1.5 0 3.3 0C5.3 0 6.6 1.3 6.6 3.3C6.6 6.2 3.2 6.2 3.2 9.8M3.2 13.8V14"),
    ('#', 8.4, "M2.6 0L1.2 14M7.2 0L5.8 14M.4 4.6H8.4M0 9.4H8"),
    ('*', 5.0, "M2.5 .4V5.6M.2 1.7L4.8 4.3M4.8 1.7L.2 4.3"),
    ('·', 0.0, "M0 7.4V7.6"),
    ('…', 8.0, "M0 13.8V14M4 13.8V14M8 13.8V14"),
    (
        'β',
        7.4,
        "M0 18.5V4A3.4 4 0 0 1 6.8 4C6.8 5.8 5.6 6.8 3.4 6.8C6 6.8 7.4 8.2 7.4 10.4C7.4 12.6 5.8 14 3.6 14C2 14 .8 13.4 0 12",
    ),
    (
        'α',
        7.6,
        "M7.4 4C6.4 9.6 5.2 14 3 14C1.1 14 0 12 0 9C0 6 1.1 4 3.1 4C5.4 4 6.2 9.4 6.7 12.3C6.9 13.5 7.3 14 7.9 13.8",
    ),
];

/// The combining macron of q̄: drawn over the glyph before it, without a width of its own.
const MACRON: char = '\u{304}';

/// A text as centre lines, with the scale at which to draw it.
#[derive(Clone, Debug)]
pub(crate) struct Strokes {
    /// Glyph origins along the baseline, in glyph units, with path data.
    pub(crate) glyphs: Vec<(f64, &'static str)>,
    /// Width of the whole text, in pixels.
    pub(crate) width: f64,
    /// Pixels per glyph unit, downwards.
    pub(crate) scale: f64,
    /// How much wider than tall a glyph unit is drawn.
    pub(crate) stretch: f64,
    /// Distance from the top of the capitals to the baseline, in glyph units.
    pub(crate) baseline: f64,
}

/// Lays out `text` at `size` pixels.
pub(crate) fn strokes(text: &str, size: f64) -> Strokes {
    let scale = size * CAPITAL_SHARE / CAPITAL;
    let mut glyphs = Vec::new();
    let (mut x, mut last) = (0.0, 0.0);
    for c in text.chars() {
        if c == MACRON {
            glyphs.push((x - SPACING - last, "M.4 .8H6.6"));
            continue;
        }
        let &(_, width, path) = GLYPHS.iter().find(|(known, ..)| *known == c).unwrap_or(&UNKNOWN);
        if !path.is_empty() {
            glyphs.push((x, path));
        }
        x += width + SPACING;
        last = width;
    }
    let width = (x - SPACING).max(0.0) * scale * STRETCH;
    Strokes { glyphs, width, scale, stretch: STRETCH, baseline: CAPITAL }
}

/// Width of a text in pixels at `size` pixels: exact for the strokes, near enough for a system's sans-serif.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    strokes(text, size).width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_printable_ascii_letter_and_digit_has_a_glyph() {
        for c in ('0'..='9').chain('a'..='z').chain('A'..='Z').chain("−±×%q̄·…αβ()[]<>=+-–.,:;/'’".chars())
        {
            assert!(c == MACRON || GLYPHS.iter().any(|(known, ..)| *known == c), "{c:?}");
        }
    }

    #[test]
    fn no_glyph_is_drawn_twice_and_digits_share_a_width() {
        for (i, (c, width, _)) in GLYPHS.iter().enumerate() {
            assert!(GLYPHS[..i].iter().all(|(other, ..)| other != c), "{c:?}");
            assert!(!c.is_ascii_digit() || *width == 8.0, "{c:?}");
        }
    }

    #[test]
    fn a_macron_takes_no_room() {
        assert_eq!(text_width("q̄", 10.0), text_width("q", 10.0));
        assert_eq!(text_width("", 10.0), 0.0);
    }
}
