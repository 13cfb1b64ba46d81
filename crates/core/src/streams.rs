//! What programs say on standard output and standard error: nothing here panics, and nothing that came from outside
//! speaks to the terminal.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write};

/// Prints a result as a line on standard output, [`plain`]. A reader who went away (a closed pipe) is not an error.
///
/// # Errors
/// That of a stream that takes no more, such as a file on a full disk.
pub fn say(text: &str) -> io::Result<()> {
    let line = format!("{}\n", plain(text));
    print(line.as_bytes())
}

/// Prints bytes of our own on standard output as they are. A reader who went away is not an error.
///
/// # Errors
/// As [`say`].
pub fn print(bytes: &[u8]) -> io::Result<()> {
    print_to(&mut io::stdout().lock(), bytes)
}

fn print_to(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Says something beside the result as a line on standard error, [`plain`]. A stream that cannot be written is let go:
/// nobody is there to be told that nobody can be told.
pub fn warn(text: &str) {
    let line = format!("{}\n", plain(text));
    let _ = print_to(&mut io::stderr().lock(), line.as_bytes());
}

/// The text with everything that a terminal would obey spelled out, but for ends of lines: control characters and marks
/// that hide or turn around what follows, as `\u001b`. JSON stays JSON, with the same content.
pub fn plain(text: &str) -> Cow<'_, str> {
    let kept = |c: char| c == '\n' || is_plain(c);
    if text.chars().all(kept) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match kept(c) {
            true => out.push(c),
            // Writing to a string cannot fail.
            false => drop(write!(out, "\\u{:04x}", u32::from(c))),
        }
    }
    out.into()
}

/// Whether a character is nothing but itself: no control character, no mark that is invisible or changes the order of
/// text. Those that are not have at most four hexadecimal digits.
pub fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that fails in one way.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_reader_who_went_away_is_no_error() {
        assert!(print_to(&mut Failing(ErrorKind::BrokenPipe), b"x").is_ok());
        let full = print_to(&mut Failing(ErrorKind::StorageFull), b"x");
        assert_eq!(full.unwrap_err().kind(), ErrorKind::StorageFull);
        let mut out = Vec::new();
        print_to(&mut out, b"x\n").unwrap();
        assert_eq!(out, b"x\n");
    }

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out() {
        assert_eq!(
            plain("a\u{1b}]0;x\u{7}\nb\u{202e}\tc\u{9b}"),
            "a\\u001b]0;x\\u0007\nb\\u202e\\u0009c\\u009b"
        );
        assert!(matches!(plain("größe 参数\n−0.1 ± 2\u{202f}000"), Cow::Borrowed(_)));
        for c in (0..=0x10ffff).filter_map(char::from_u32).filter(|c| !is_plain(*c)) {
            assert!(u32::from(c) <= 0xffff, "{c:?}");
        }
    }
}
