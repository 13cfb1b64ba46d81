//! Text that a drawing or a page shows as it is.

/// Text with markup escaped, and with what XML forbids or what would turn text around as spaces: names, files and settings
/// come from outside.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c if basin_core::is_plain(c) => safe.push(c),
            _ => safe.push(' '),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_not_obeyed() {
        assert_eq!(escaped("<b a=\"1\">&\u{1}"), "&lt;b a=&quot;1&quot;&gt;&amp; ");
        assert_eq!(escaped("a\u{202e}b\u{ffff}"), "a b\u{fffd}");
    }
}
