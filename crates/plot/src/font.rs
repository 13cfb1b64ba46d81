//! Text as outlines of a font that is shipped with the crate, so that PNG figures carry the same text on machines with
//! and without fonts. Left to right, one glyph per character, without kerning: enough for names, numbers and units.

use std::fmt::Write;
use std::sync::OnceLock;
use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// Open Sans, cut to Latin, Greek, digits of one width and signs: see `fonts/README.md`.
const REGULAR: &[u8] = include_bytes!("../fonts/open-sans-regular.ttf");
/// The same for names that stand beside their data.
const SEMIBOLD: &[u8] = include_bytes!("../fonts/open-sans-semibold.ttf");

/// The combining macron of q̄, drawn over the glyph before it without a width of its own; the font has it as a sign.
const MACRON: (char, char) = ('\u{304}', '¯');

/// Subscript digits are small digits below the line; the font has them on it alone.
const SUBSCRIPTS: std::ops::RangeInclusive<char> = '₀'..='₉';
/// Their size, and how far they are lowered, as shares of the text's size.
const SUBSCRIPT: (f64, f64) = (0.64, 0.14);

/// A text as one path.
#[derive(Clone, Debug)]
pub(crate) struct Outlines {
    /// Path data in pixels, the baseline's left end at the origin, y pointing down.
    pub path: String,
    /// Pixels from the left end to the right one.
    pub width: f64,
}

/// Lays out `text` at `size` pixels. A character that the font does not have is shown as an empty box.
pub(crate) fn outlines(text: &str, size: f64, bold: bool) -> Outlines {
    let face = face(bold);
    let scale = size / f64::from(face.units_per_em());
    let advance = |c: char| {
        let glyph = face.glyph_index(c).unwrap_or_default();
        (glyph, f64::from(face.glyph_hor_advance(glyph).unwrap_or(0)) * scale)
    };
    let mut drawing = Drawing { path: String::new(), left: 0.0, scale, lowered: 0.0 };
    let (mut x, mut last) = (0.0, 0.0);
    for c in text.chars() {
        if c == MACRON.0 {
            let (glyph, wide) = advance(MACRON.1);
            drawing.left = x - (last + wide) / 2.0;
            face.outline_glyph(glyph, &mut drawing);
            continue;
        }
        if SUBSCRIPTS.contains(&c) {
            let digit = char::from(b'0' + (u32::from(c) - u32::from('₀')) as u8);
            let (glyph, wide) = advance(digit);
            (drawing.left, drawing.scale, drawing.lowered) = (x, SUBSCRIPT.0 * scale, SUBSCRIPT.1 * size);
            face.outline_glyph(glyph, &mut drawing);
            (drawing.scale, drawing.lowered) = (scale, 0.0);
            (x, last) = (x + SUBSCRIPT.0 * wide, SUBSCRIPT.0 * wide);
            continue;
        }
        let (glyph, wide) = advance(c);
        drawing.left = x;
        if glyph == GlyphId::default() {
            drawing.empty_box(wide / scale, f64::from(face.ascender()));
        } else {
            face.outline_glyph(glyph, &mut drawing);
        }
        (x, last) = (x + wide, wide);
    }
    Outlines { path: drawing.path, width: x }
}

/// Width of a text in pixels at `size` pixels: exact for the outlines, near enough for a system's sans-serif.
pub fn text_width(text: &str, size: f64) -> f64 {
    outlines(text, size, false).width
}

fn face(bold: bool) -> &'static Face<'static> {
    static FACES: [OnceLock<Face<'static>>; 2] = [OnceLock::new(), OnceLock::new()];
    FACES[usize::from(bold)].get_or_init(|| {
        let file = if bold { SEMIBOLD } else { REGULAR };
        // The files are part of the program, and the tests open both.
        Face::parse(file, 0).expect("the font that is shipped is whole")
    })
}

/// Collects path data.
struct Drawing {
    path: String,
    left: f64,
    scale: f64,
    lowered: f64,
}

impl Drawing {
    fn step(&mut self, command: char, points: &[(f32, f32)]) {
        self.path.push(command);
        for (at, (x, y)) in points.iter().enumerate() {
            let (x, y) = (self.left + f64::from(*x) * self.scale, -f64::from(*y) * self.scale);
            // On the line nothing is added, not even to a negative zero: the text of a path stays as it is.
            let y = if self.lowered == 0.0 { y } else { y + self.lowered };
            let gap = if at == 0 { "" } else { " " };
            // Writing to a string cannot fail.
            let _ = write!(self.path, "{gap}{x:.2} {y:.2}");
        }
    }
}

impl Drawing {
    /// What stands for a character without a glyph, in a room this wide below the font's ascender: the font's own sign
    /// for it was cut to nothing. Two squares in opposite directions, so that only what lies between them is filled.
    fn empty_box(&mut self, wide: f64, ascender: f64) {
        let (left, right, top) = (0.1 * wide, 0.9 * wide, 0.65 * ascender);
        let line = 0.06 * wide;
        let (inner_left, inner_right, inner_top) = (left + line, right - line, top - line);
        let outer = [(left, 0.0), (left, top), (right, top), (right, 0.0)];
        let inner =
            [(inner_left, line), (inner_right, line), (inner_right, inner_top), (inner_left, inner_top)];
        for corners in [outer, inner] {
            for (at, (x, y)) in corners.into_iter().enumerate() {
                self.step(if at == 0 { 'M' } else { 'L' }, &[(x as f32, y as f32)]);
            }
            self.close();
        }
    }
}

impl OutlineBuilder for Drawing {
    fn move_to(&mut self, x: f32, y: f32) {
        self.step('M', &[(x, y)]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.step('L', &[(x, y)]);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.step('Q', &[(x1, y1), (x, y)]);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.step('C', &[(x1, y1), (x2, y2), (x, y)]);
    }

    fn close(&mut self) {
        self.path.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_our_figures_has_a_glyph_in_both_weights() {
        let signs = "−±×%q·…αβλσθ()[]<>=≤≥+-–—.,:;/'’“”§°√∞²";
        for c in ('0'..='9').chain('a'..='z').chain('A'..='Z').chain(signs.chars()).chain([MACRON.1]) {
            for bold in [false, true] {
                assert!(face(bold).glyph_index(c).is_some(), "{c:?}, bold: {bold}");
                assert!(outlines(&c.to_string(), 10.0, bold).path.ends_with('Z'), "{c:?}, bold: {bold}");
            }
        }
    }

    #[test]
    fn digits_share_a_width_and_bold_is_wider() {
        let zero = text_width("0", 10.0);
        assert!(('1'..='9').all(|digit| text_width(&digit.to_string(), 10.0) == zero));
        assert!(outlines("Dist. Ens.", 10.0, true).width > text_width("Dist. Ens.", 10.0));
    }

    #[test]
    fn a_macron_is_drawn_and_takes_no_room() {
        assert_eq!(text_width("q̄", 10.0), text_width("q", 10.0));
        assert!(outlines("q̄", 10.0, false).path.len() > outlines("q", 10.0, false).path.len());
        assert_eq!(text_width("", 10.0), 0.0);
        assert_eq!(outlines(" ", 10.0, false).path, "");
    }

    #[test]
    fn subscripts_are_small_digits_below_the_line() {
        let (one, below) = (outlines("1", 10.0, false), outlines("₁", 10.0, false));
        assert!(below.width < 0.7 * one.width && below.path.matches('Z').count() == 1, "{}", below.path);
        let lowest = |path: &str| {
            let numbers = path.split(|c: char| !matches!(c, '0'..='9' | '.' | '-')).filter(|n| !n.is_empty());
            numbers.skip(1).step_by(2).map(|y| y.parse::<f64>().unwrap()).fold(f64::MIN, f64::max)
        };
        assert!((lowest(&one.path), lowest(&below.path)) == (0.0, 1.4), "{} and {}", one.path, below.path);
        assert!(outlines("θ₁₂", 10.0, true).width > outlines("θ₁", 10.0, true).width);
    }

    #[test]
    fn what_the_font_does_not_have_is_a_box() {
        assert!(face(false).glyph_index('漢').is_none());
        let missing = outlines("漢", 10.0, false);
        assert_eq!(missing.path.matches('Z').count(), 2, "{}", missing.path);
        assert!(missing.width > 0.0);
    }
}
