//! What is said on standard output and standard error. Nothing here panics: a stream that cannot be written is an
//! error where a result was to be printed, and is let go where only a word was to be said.

use crate::failure::Failure;
use std::fmt::Write as _;
use std::io::{ErrorKind, Write};

/// Prints a result; a reader who went away (a closed pipe) is no error.
///
/// # Errors
/// [`Failure::Print`] when the stream takes no more.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let printed =
        out.write_all(plain(text).as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Says something beside the result.
pub(crate) fn warn(text: &str) {
    let mut err = std::io::stderr().lock();
    // Nobody is there to be told that nobody can be told.
    let _ = err.write_all(format!("{}\n", plain(text)).as_bytes()).and_then(|()| err.flush());
}

/// The text without what a terminal would obey: paths and names come from outside.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push(c),
            c if c.is_control() => drop(write!(out, "{}", c.escape_default())),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => drop(write!(out, "{}", c.escape_unicode())),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn control_characters_are_spelled_out() {
        assert_eq!(plain("a\u{1b}]0;x\u{7}\nb\u{202e}\tc"), "a\\u{1b}]0;x\\u{7}\nb\\u{202e}\\tc");
        assert_eq!(plain("größe 参数"), "größe 参数");
    }
}
