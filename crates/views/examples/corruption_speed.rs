//! Milliseconds an image for every corruption, one thread: beside `fixtures/corruptions/make.py --speed`.
//!
//! `corruption_speed [SEVERITY [IMAGES]]`, by default severity 3 of 1000 synthetic images; the median of three rounds.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use basin_data::{Normalisation, Source, Split};
use basin_views::{Takes, Transformation, View};
use std::process::ExitCode;
use std::time::Instant;

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match measure(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}\nusage: corruption_speed [SEVERITY [IMAGES]]");
            ExitCode::from(2)
        }
    }
}

fn measure(arguments: &[String]) -> Result<(), Error> {
    let severity: u8 = arguments.first().map_or(Ok(3), |text| text.parse())?;
    let images: usize = arguments.get(1).map_or(Ok(1000), |text| text.parse())?;
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
    let set = Source { train_images: images, ..Source::synthetic(0) }.load(Split::Train)?;
    let all: Vec<usize> = (0..set.len()).collect();
    let mut total = 0.0;
    for kind in
        Transformation::all().filter(|one| !one.photographs && matches!(one.takes, Takes::Severity(_)))
    {
        let view = View::parse(&format!("{}:{severity}", kind.id))?;
        let mut times = Vec::new();
        for _ in 0..3 {
            let start = Instant::now();
            view.apply(&set, &all, &Normalisation::SYNTHETIC)?;
            times.push(start.elapsed().as_secs_f64() * 1e3 / images as f64);
        }
        times.sort_by(f64::total_cmp);
        println!("{:20} {:8.4} ms an image", kind.id, times[1]);
        total += times[1];
    }
    println!("{:20} {total:8.4} ms an image, {:.1} s for 10 000", "all", total * 10.0);
    Ok(())
}
