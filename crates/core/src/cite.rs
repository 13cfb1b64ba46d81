//! Where an idea comes from, so that a report can cite exactly what it used.

/// A publication behind a method or a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Citation {
    /// BibTeX key, for example `lion2024basin`.
    pub key: &'static str,
    /// Authors in BibTeX form, joined by ` and `.
    pub authors: &'static str,
    /// Title of the work.
    pub title: &'static str,
    /// Year of publication.
    pub year: u16,
    /// arXiv number or DOI, for example `2402.03187`.
    pub locator: &'static str,
}

impl Citation {
    /// Lion, Bachmann, Noci, Hofmann: the paper this project reproduces.
    pub const SINGLE_BASIN: Self = Self {
        key: "lion2024basin",
        authors: "Lion, Kai and Bachmann, Gregor and Noci, Lorenzo and Hofmann, Thomas",
        title: "How Good is a Single Basin?",
        year: 2024,
        locator: "2402.03187",
    };

    /// Hepburn, Zielke, Raulf: networks from one initialisation on parts of the data that differ.
    pub const DATA_SHIFTS: Self = Self {
        key: "hepburn2025shifts",
        authors: "Hepburn, C. and Zielke, T. and Raulf, A. P.",
        title: "Linear Mode Connectivity under Data Shifts for Deep Ensembles of Image Classifiers",
        year: 2025,
        locator: "2511.04514",
    };

    /// Fort, Hu, Lakshminarayanan: why independent runs beat samples around one solution.
    pub const LOSS_LANDSCAPE: Self = Self {
        key: "fort2019landscape",
        authors: "Fort, Stanislav and Hu, Huiyi and Lakshminarayanan, Balaji",
        title: "Deep Ensembles: A Loss Landscape Perspective",
        year: 2019,
        locator: "1912.02757",
    };

    /// Sadrtdinov, Pozdeev, Vetrov, Lobacheva: ensembles around a pre-trained checkpoint.
    pub const PRETRAIN_BASIN: Self = Self {
        key: "sadrtdinov2023stay",
        authors: "Sadrtdinov, Ildus and Pozdeev, Dmitrii and Vetrov, Dmitry and Lobacheva, Ekaterina",
        title: "To Stay or Not to Stay in the Pre-train Basin: Insights on Ensembling in Transfer Learning",
        year: 2023,
        locator: "2303.03374",
    };

    /// Ilharco et al.: what fine-tuning changed, as a vector.
    pub const TASK_VECTORS: Self = Self {
        key: "ilharco2023editing",
        authors: "Ilharco, Gabriel and Ribeiro, Marco Tulio and Wortsman, Mitchell and Gururangan, Suchin and Schmidt, Ludwig and Hajishirzi, Hannaneh and Farhadi, Ali",
        title: "Editing Models with Task Arithmetic",
        year: 2023,
        locator: "2212.04089",
    };
}

/// BibTeX of the given works, sorted by key, each once.
pub fn bibtex(citations: &[Citation]) -> String {
    let mut sorted = citations.to_vec();
    sorted.sort();
    sorted.dedup_by_key(|c| c.key);
    let entry = |c: &Citation| {
        let Citation { key, authors, title, year, locator } = c;
        // Styles that know neither field print the note.
        let is_eprint = locator.chars().all(|c| c.is_ascii_digit() || c == '.');
        let found = match (locator.contains('/'), is_eprint) {
            (true, _) => format!("doi = {{{locator}}},\n  note = {{doi:{locator}}}"),
            (false, true) => {
                format!("eprint = {{{locator}}},\n  archiveprefix = {{arXiv}},\n  note = {{arXiv:{locator}}}")
            }
            (false, false) => format!("note = {{{locator}}}"),
        };
        format!(
            "@misc{{{key},\n  author = {{{authors}}},\n  title = {{{{{title}}}}},\n  year = {{{year}}},\n  {found}\n}}\n"
        )
    };
    sorted.iter().map(entry).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_work_without_a_number_is_told_by_where_it_stands() {
        let work = Citation { key: "maaten2008tsne", locator: "JMLR 9:2579", ..Citation::SINGLE_BASIN };
        let text = bibtex(&[work]);
        assert!(text.contains("note = {JMLR 9:2579}") && !text.contains("arXiv"), "{text}");
        assert!(bibtex(&[Citation::SINGLE_BASIN]).contains("eprint = {2402.03187}"));
    }

    #[test]
    fn a_work_cited_twice_appears_once() {
        let text = bibtex(&[Citation::SINGLE_BASIN, Citation::SINGLE_BASIN]);
        assert_eq!(text.matches("@misc").count(), 1);
        assert!(text.contains("eprint = {2402.03187}"));
    }
}
