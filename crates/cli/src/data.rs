//! `basin data`.

use crate::typed::{Typed, path};
use anyhow::Result;
use basin_core::warn;
use basin_data::Split;
use basin_reproduce::{Registry, Rows, Show, describe, exit};
use clap::Args;
use std::path::PathBuf;

/// What to show, and where to.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Draw a contact sheet: a row for each class, or for each --view, or for both sides of the shift that --view-b or
    /// --set data.partition=… asks for
    #[arg(long, requires = "out")]
    show: bool,
    /// A view, e.g. rotate:45, fog:3 or band:0+blur:1; may be given again. A corruption without severity, e.g. fog, is
    /// shown at all five. With --view-b: data.view_a
    #[arg(long, value_name = "VIEW", requires = "show")]
    view: Vec<String>,
    /// The view of the second side of a shift, data.view_b: both sides are shown, as they are and through their views
    #[arg(long, value_name = "VIEW", requires = "show")]
    view_b: Option<String>,
    /// Images in a row, 1 to 40
    #[arg(long, default_value_t = 10)]
    images: usize,
    /// train or test
    #[arg(long, default_value = "train")]
    split: String,
    /// Data set [default: synthetic]
    #[arg(long)]
    dataset: Option<String>,
    /// Folder with its official files
    #[arg(long)]
    data_dir: Option<String>,
    /// PNG file to write
    #[arg(long, value_name = "FILE", requires = "show", value_parser = path())]
    out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Any key, e.g. --set data.seed=1 for another synthetic set
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub(crate) fn run(
    options: Options,
    registry: &Registry,
    say: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    let Some(out) = options.out.filter(|_| options.show) else {
        return say(&describe());
    };
    let split = match options.split.as_str() {
        "train" => Split::Train,
        "test" => Split::Test,
        other => return Err(exit::Usage(format!("--split {other}, expected train or test")).into()),
    };
    let (mut views, mut view_a) = (options.view, None);
    if options.view_b.is_some() {
        let found = views.len();
        view_a = views.pop();
        if !views.is_empty() {
            let text = format!("--view is given {found} times, expected once beside --view-b");
            return Err(exit::Usage(text).into());
        }
    }
    let flags = [
        ("--dataset", "data.dataset", options.dataset),
        ("--data-dir", "data.dir", options.data_dir),
        ("--view", "data.view_a", view_a),
        ("--view-b", "data.view_b", options.view_b),
    ];
    let config = Typed::new(&options.set, flags).config(registry)?;
    let rows = Rows::asked(&config, &views);
    if rows == Rows::Sides && !views.is_empty() {
        let text = "--view beside a shift by --set; give the sides' views as data.view_a and data.view_b";
        return Err(exit::Usage(text.to_owned()).into());
    }
    let show = Show { config: &config, split, images: options.images, rows };
    let rows = show.write(&out, options.force, &mut |note| warn(&format!("note: {note}")))?;
    say(&format!("{rows} rows of images in {}", out.display()))
}
