//! Writes a report of invented results into a folder, to look at: `write_report FOLDER [DATASET] [SEEDS]`.

use basin_paper_single_basin::SingleBasin;
use basin_report::{render, terminal_table};
use std::error::Error;
use std::path::Path;
use std::{env, fs};

#[path = "../tests/made_up/mod.rs"]
mod made_up;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().ok_or("expected a folder to write into")?;
    let dataset = arguments.next().unwrap_or_else(|| "cifar10".to_owned());
    let seeds = arguments.next().map_or(Ok(3), |text| text.parse())?;
    let results = made_up::results("Six ensembles, invented numbers", &dataset, seeds);
    for artifact in render(&results, &SingleBasin, &[])? {
        let path = Path::new(&folder).join(&artifact.path);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(path, artifact.bytes)?;
    }
    fs::write(Path::new(&folder).join("terminal.txt"), terminal_table(&results, &SingleBasin, 80)?)?;
    Ok(())
}
