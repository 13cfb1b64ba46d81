//! Text that a page shows as it is: markup escaped, and what a page may not hold taken out.

use basin_plot::escaped;
use maud::Render;

/// Text from names, files and settings, as [`escaped`] has it.
pub(crate) struct Text<T>(pub(crate) T);

impl<T: AsRef<str>> Render for Text<T> {
    fn render_to(&self, buffer: &mut String) {
        buffer.push_str(&escaped(self.0.as_ref()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_not_obeyed() {
        assert_eq!(Text("<b a=\"1\">&\u{1}").render().into_string(), "&lt;b a=&quot;1&quot;&gt;&amp; ");
    }
}
