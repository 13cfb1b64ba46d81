//! Writes a synthetic set to two files of raw bytes, to look at it or to try a network of another framework on it:
//! `cargo run --release -p basin-data --example dump_synthetic -- CLASSES IMAGES OUT`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [classes, images, out] = &args[..] else { return Err("expected: CLASSES IMAGES OUT".into()) };
    let dataset = if classes == "10" {
        basin_data::DatasetId::Synthetic10
    } else {
        basin_data::DatasetId::Synthetic100
    };
    let images = images.parse()?;
    let source = basin_data::Source {
        dataset,
        train_images: images,
        test_images: images,
        ..basin_data::Source::synthetic(0)
    };
    for (name, split) in [("train", basin_data::Split::Train), ("test", basin_data::Split::Test)] {
        let set = source.load(split)?;
        std::fs::write(format!("{out}/{name}-images.bin"), set.images())?;
        std::fs::write(
            format!("{out}/{name}-labels.bin"),
            set.labels().iter().flat_map(|l| l.to_le_bytes()).collect::<Vec<u8>>(),
        )?;
    }
    Ok(())
}
