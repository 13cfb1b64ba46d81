//! The paper's methods: their order in its tables and the names it prints.

/// Ids in the order of the paper's Table 1, with the paper's names.
const PAPER_ORDER: [(&str, &str); 6] = [
    ("deep", "Deep Ens."),
    ("constrained", "Con. Ens."),
    ("swe", "SW Ens."),
    ("permuted", "Perm. Ens."),
    ("distilled", "Dist. Ens."),
    ("distilled-deep", "Dist. Deep Ens."),
];

/// The name the paper prints, or the id itself for a method the paper does not have.
pub(crate) fn name(id: &str) -> &str {
    PAPER_ORDER.iter().find(|(known, _)| *known == id).map_or(id, |(_, name)| name)
}

/// The ids of the paper's methods, in its order.
pub(crate) fn paper<'a>() -> impl Iterator<Item = &'a str> {
    PAPER_ORDER.iter().map(|(id, _)| *id)
}

/// Place in the paper's tables, from 0; none for a method the paper does not have.
pub(crate) fn rank(id: &str) -> Option<usize> {
    PAPER_ORDER.iter().position(|(known, _)| *known == id)
}

/// Each id once: the paper's in the paper's order, then the others by name.
pub(crate) fn in_paper_order<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_by_key(|id| (rank(id).unwrap_or(PAPER_ORDER.len()), *id));
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_follow_the_paper_and_strangers_come_last() {
        let ids = ["zeta", "permuted", "deep", "alpha", "deep"];
        assert_eq!(in_paper_order(ids.into_iter()), ["deep", "permuted", "alpha", "zeta"]);
        assert_eq!(name("distilled-deep"), "Dist. Deep Ens.");
        assert_eq!(name("alpha"), "alpha");
    }
}
