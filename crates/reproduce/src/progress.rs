//! What the user sees while a run works: a bar for the plan and one for each piece of work in hand on a terminal, plain
//! lines elsewhere.

use basin_core::{plain, warn};
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Plain lines about one piece of work come at most this often.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Progress of the plan, in units of work, and of the pieces of work in hand.
#[derive(Debug)]
pub struct Progress {
    bars: Option<(MultiProgress, ProgressBar)>,
    total: f64,
    tally: Mutex<Tally>,
    started: Instant,
}

/// Units of work.
#[derive(Clone, Copy, Debug)]
struct Tally {
    done: f64,
    /// Those of this process: the estimate of what is left rests on them and the time since it began alone.
    worked: f64,
}

impl Progress {
    /// `total` units of work, `done` of them finished earlier.
    pub fn new(total: f64, done: f64) -> Self {
        let bars = std::io::stderr().is_terminal().then(|| {
            let bars = MultiProgress::new();
            let plan = bars.add(ProgressBar::new(1000));
            plan.set_style(style("{prefix:>18.bold} {wide_bar} {percent:>3} %  {msg}"));
            plan.set_prefix("plan");
            (bars, plan)
        });
        let tally = Mutex::new(Tally { done, worked: 0.0 });
        let progress = Self { bars, total, tally, started: Instant::now() };
        progress.show();
        progress
    }

    /// Begins a piece of work of `units` in `steps` steps, `at` of them done earlier.
    pub fn begin(&self, name: &str, units: f64, steps: u64, at: u64) -> Task<'_> {
        let bar = self.bars.as_ref().map(|(bars, _)| {
            let bar = bars.add(ProgressBar::new(steps));
            bar.set_style(style("{prefix:>18} {wide_bar} {pos}/{len}  {msg}"));
            bar.set_prefix(plain(name).into_owned());
            bar.set_position(at);
            bar
        });
        self.tally().done += units * at as f64 / steps.max(1) as f64;
        let now = Instant::now();
        let task = Task {
            progress: self,
            name: name.to_owned(),
            bar,
            units,
            steps,
            first: at,
            at,
            began: now,
            line: now,
        };
        if task.bar.is_none() {
            let resumed = if at > 0 { format!(", going on at {at}") } else { String::new() };
            task.progress.line(&format!("{name}: {steps} steps{resumed}"));
        }
        task
    }

    /// Units of work were done by another process.
    pub fn done_elsewhere(&self, units: f64) {
        self.tally().done += units;
        self.show();
    }

    /// Says something without disturbing the bars.
    pub fn line(&self, text: &str) {
        match &self.bars {
            // A terminal that went away is no reason to stop working.
            Some((bars, _)) => drop(bars.println(plain(text))),
            None => warn(text),
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Share of the plan that is done.
    fn share(&self) -> f64 {
        self.tally().done / self.total.max(f64::MIN_POSITIVE)
    }

    fn left(&self) -> String {
        let Tally { done, worked } = *self.tally();
        let left = (self.total - done).max(0.0);
        match worked > 0.0 {
            true => {
                let seconds = self.started.elapsed().as_secs_f64() * left / worked;
                format!("{} left", HumanDuration(Duration::from_secs_f64(seconds)))
            }
            false => String::new(),
        }
    }

    fn show(&self) {
        if let Some((_, plan)) = &self.bars {
            plan.set_position((1000.0 * self.share()) as u64);
            plan.set_message(self.left());
        }
    }
}

/// A piece of work in hand.
#[derive(Debug)]
pub struct Task<'a> {
    progress: &'a Progress,
    name: String,
    bar: Option<ProgressBar>,
    units: f64,
    steps: u64,
    first: u64,
    at: u64,
    began: Instant,
    line: Instant,
}

impl Task<'_> {
    /// `at` steps are done now.
    pub fn step(&mut self, at: u64) {
        let gained = (at - self.at) as f64 / self.steps.max(1) as f64 * self.units;
        self.at = at;
        {
            let mut tally = self.progress.tally();
            tally.done += gained;
            tally.worked += gained;
        }
        let seconds =
            self.began.elapsed().as_secs_f64() * (self.steps - at) as f64 / (at - self.first).max(1) as f64;
        let left = HumanDuration(Duration::from_secs_f64(seconds));
        if let Some(bar) = &self.bar {
            bar.set_position(at);
            bar.set_message(format!("{left} left"));
            self.progress.show();
        } else if self.line.elapsed() >= LINE_EVERY {
            self.line = Instant::now();
            let all = 100.0 * self.progress.share();
            let text = format!(
                "{}: {at}/{}, {left} left; plan {all:.0} %, {}",
                self.name,
                self.steps,
                self.progress.left()
            );
            self.progress.line(&text);
        }
    }
}

impl Drop for Task<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
