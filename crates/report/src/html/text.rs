//! Text that a page shows as it is. The template engine escapes markup in whatever it is given; this takes out what a page
//! may not hold.

use maud::{Escaper, Render};
use std::fmt::Write;

/// Text from names, files and settings: control characters, which XML forbids, and marks that turn text around, as spaces.
pub(crate) struct Text<T>(pub(crate) T);

impl<T: AsRef<str>> Render for Text<T> {
    fn render_to(&self, buffer: &mut String) {
        let clean: String = self.0.as_ref().chars().map(clean).collect();
        // Writing to a string cannot fail.
        let _ = Escaper::new(buffer).write_str(&clean);
    }
}

fn clean(c: char) -> char {
    match c {
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c if basin_core::is_plain(c) => c,
        _ => ' ',
    }
}

/// As [`Text`], as a string, where no template is.
pub(crate) fn escaped(text: &str) -> String {
    Text(text).render().into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_not_obeyed() {
        assert_eq!(escaped("<b a=\"1\">&\u{1}"), "&lt;b a=&quot;1&quot;&gt;&amp; ");
        assert_eq!(escaped("a\u{202e}b"), "a b");
    }
}
