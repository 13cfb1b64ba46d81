//! The figures of committed results are drawn byte for byte as they were: whoever changes how figures are drawn sees it here.

use basin_paper_data_shift::DataShift;
use basin_paper_single_basin::SingleBasin;
use basin_papers::Paper;
use basin_report::render;
use basin_results::Results;
use std::fs;
use std::path::Path;

#[test]
fn figures_of_committed_results_keep_their_bytes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
    let papers: [(&str, &dyn Paper); 3] =
        [("small-seeds", &SingleBasin), ("small-fig3", &SingleBasin), ("data-shift-mnist", &DataShift)];
    let mut compared = 0;
    for (folder, paper) in papers {
        let folder = root.join(folder);
        let Ok(results) = fs::read(folder.join("results.json")) else { continue };
        let results: Results = serde_json::from_slice(&results).unwrap();
        for artifact in render(&results, paper, &[]).unwrap() {
            if artifact.path.starts_with("report/figures/") {
                let committed = fs::read(folder.join(&artifact.path)).unwrap();
                assert!(artifact.bytes == committed, "{}", folder.join(&artifact.path).display());
                compared += 1;
            }
        }
    }
    assert!(compared > 20 || !root.exists(), "{compared} figures compared");
}
