//! What the user sees while a data set is fetched: a bar on a terminal, plain lines elsewhere.

use basin_fetch::Event;
use indicatif::{BinaryBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Plain lines about the same stage come at most this often.
const LINE_EVERY: Duration = Duration::from_secs(30);
const BYTES: &str =
    "{prefix:>18} {wide_bar} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}, {eta} left";
const FILES: &str = "{prefix:>18} {wide_bar} {pos}/{len} files";

/// The stage in hand.
#[derive(Debug)]
pub(super) struct Progress {
    name: &'static str,
    terminal: bool,
    /// Made for the first stage that has something to count.
    bar: Option<ProgressBar>,
    style: &'static str,
    /// Where the stage began: what was there before says nothing about the speed.
    start: u64,
    line: Instant,
}

impl Progress {
    pub(super) fn new(name: &'static str) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { name, terminal, bar: None, style: "", start: 0, line: Instant::now() }
    }

    /// Shows what happened.
    pub(super) fn hear(&mut self, event: &Event<'_>) {
        let name = self.name;
        match event {
            Event::Asking { address, from } => {
                (self.style, self.start) = ("", *from);
                let on =
                    if *from > 0 { format!(", going on at {}", BinaryBytes(*from)) } else { String::new() };
                self.say(&format!("{name}: from {address}{on}"));
            }
            Event::Received { have, of } => {
                self.at(BYTES, *have, *of, || format!("{} of {}", BinaryBytes(*have), BinaryBytes(*of)));
            }
            Event::Failed { address, error, pause } => {
                let next = match pause {
                    Some(pause) => format!("asking again in {pause:?}"),
                    None => "given up".to_owned(),
                };
                self.say(&format!("{name}: {address} {error}; {next}"));
            }
            Event::StartsOver => self.say(&format!("{name}: the pieces do not fit together, starting over")),
            Event::Checking { path } => {
                self.start = 0;
                self.say(&format!("{name}: checking {}", path.display()));
            }
            Event::Unpacking { files, of } => {
                self.at(FILES, *files, *of, || format!("{files} of {of} files unpacked"));
            }
            _ => {}
        }
    }

    /// A stage stands somewhere.
    fn at(&mut self, style: &'static str, at: u64, of: u64, text: impl Fn() -> String) {
        if !self.terminal {
            if self.line.elapsed() >= LINE_EVERY {
                self.say(&format!("{}: {}", self.name, text()));
            }
            return;
        }
        let bar = self.bar.get_or_insert_with(|| ProgressBar::hidden().with_prefix(self.name));
        if self.style != style {
            self.style = style;
            let known = ProgressStyle::with_template(style);
            bar.set_style(known.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.reset();
            bar.set_length(of);
            bar.set_position(self.start);
            bar.reset_eta();
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        bar.set_position(at);
    }

    /// Says something without disturbing the bar. A terminal that went away is no reason to stop.
    fn say(&mut self, text: &str) {
        self.line = Instant::now();
        match &self.bar {
            Some(bar) => bar.suspend(|| basin_core::warn(text)),
            None => basin_core::warn(text),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
