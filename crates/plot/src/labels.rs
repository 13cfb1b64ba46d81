//! Names beside the data they belong to: where there is room, and in a legend where there is none.

use super::axis::LABEL_SIZE;
use super::font::text_width;
use super::grid::hatch;
use super::palette::Ink;
use super::scene::{Anchor, Dash, Mark, Region, Scene};

/// What must stay readable, and where labels may stand.
#[derive(Clone, Debug)]
pub struct Room {
    /// Labels stay inside.
    pub bounds: Region,
    /// Labels stay off.
    pub taken: Vec<Region>,
}

impl Room {
    /// Writes `text` at the first of `spots` (points of the data, best first) that has room on any side; above is
    /// tried before below when `upward`.
    /// False when none has; the room is then as before.
    pub fn place(
        &mut self,
        scene: &mut Scene,
        text: &str,
        ink: Ink,
        spots: &[(f64, f64)],
        upward: bool,
    ) -> bool {
        let found = self.find(text, spots, upward);
        let mark = |(at, anchor)| {
            let text = text.to_owned();
            Mark::Text { at, text, size: LABEL_SIZE, ink, anchor, bold: true, upright: false }
        };
        scene.marks.extend(found.map(mark));
        found.is_some()
    }

    /// Where [`Room::place`] would write; that place is then taken.
    pub fn find(&mut self, text: &str, spots: &[(f64, f64)], upward: bool) -> Option<((f64, f64), Anchor)> {
        // Clear of the largest marker on every side.
        let gap = 11.0;
        for &(x, y) in spots {
            let middle = y + 0.35 * LABEL_SIZE;
            let mut sides = [
                ((x + gap, middle), Anchor::Start),
                ((x - gap, middle), Anchor::End),
                ((x, y - gap), Anchor::Middle),
                ((x, y + gap + 0.75 * LABEL_SIZE), Anchor::Middle),
                ((x + gap, y - gap), Anchor::Start),
                ((x - gap, y - gap), Anchor::End),
                ((x + gap, y + gap + 0.6 * LABEL_SIZE), Anchor::Start),
                ((x - gap, y + gap + 0.6 * LABEL_SIZE), Anchor::End),
            ];
            if !upward {
                sides.swap(2, 3);
            }
            for (at, anchor) in sides {
                let region = Region::of_text(text, LABEL_SIZE, at, anchor);
                if self.bounds.holds(&region) && !self.taken.iter().any(|taken| taken.overlaps(&region)) {
                    self.taken.push(region);
                    return Some((at, anchor));
                }
            }
        }
        None
    }
}

/// What a legend shows before a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The method's marker.
    Point,
    /// The marker's outline.
    Hollow,
    /// A piece of line, broken as the line is.
    Line(Dash),
    /// A hatched box: no number.
    Hatched,
}

/// Rows of keys of one kind, see [`keys`].
pub fn legend(scene: &mut Scene, entries: &[(&str, Ink)], key: Key, place: (f64, f64), right: f64) -> f64 {
    let entries: Vec<(&str, Ink, Key)> = entries.iter().map(|(name, ink)| (*name, *ink, key)).collect();
    keys(scene, &entries, place, right)
}

/// Rows of keys and names from `(left, top)`, broken before `right`; returns the height used.
pub fn keys(scene: &mut Scene, entries: &[(&str, Ink, Key)], (left, top): (f64, f64), right: f64) -> f64 {
    let (row, sign) = (1.5 * LABEL_SIZE, 18.0);
    let (mut x, mut y) = (left, top + LABEL_SIZE);
    for (name, ink, key) in entries {
        let wide = sign + 6.0 + 1.06 * text_width(name, LABEL_SIZE);
        if x > left && x + wide > right {
            (x, y) = (left, y + row);
        }
        let middle = y - 0.33 * LABEL_SIZE;
        let (at, marker, radius, ink) = ((x + sign / 2.0, middle), ink.marker(), 5.0, *ink);
        match *key {
            Key::Point => scene.marks.push(Mark::Point { at, marker, radius, ink }),
            Key::Hollow => scene.marks.push(Mark::Hollow { at, marker, radius, ink }),
            Key::Line(dash) => {
                let points = vec![(x, middle), (x + sign, middle)];
                scene.marks.push(Mark::Line { points, ink, width: 2.5, opacity: 1.0, dash });
            }
            Key::Hatched => {
                let (top, bottom) = (middle - 6.0, middle + 6.0);
                hatch(scene, vec![Region { left: x, top, right: x + sign, bottom }]);
            }
        }
        scene.text((x + sign + 6.0, y), name, LABEL_SIZE, Ink::Text, Anchor::Start);
        x += wide + 16.0;
    }
    if entries.is_empty() { 0.0 } else { y - top + 0.5 * LABEL_SIZE }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(right: f64) -> Room {
        Room { bounds: Region { left: 0.0, top: 0.0, right, bottom: 100.0 }, taken: Vec::new() }
    }

    #[test]
    fn two_labels_at_one_spot_do_not_overlap() {
        let (mut scene, mut room) = (Scene::new(400.0, 100.0, ""), room(400.0));
        for name in ["Con. Ens.", "Dist. Ens."] {
            assert!(room.place(&mut scene, name, Ink::Text, &[(200.0, 50.0)], true));
        }
        assert!(!room.taken[0].overlaps(&room.taken[1]));
    }

    #[test]
    fn without_room_nothing_is_written() {
        let (mut scene, mut room) = (Scene::new(30.0, 100.0, ""), room(30.0));
        assert!(!room.place(&mut scene, "Dist. Deep Ens.", Ink::Text, &[(15.0, 50.0)], true));
        assert!(scene.marks.is_empty() && room.taken.is_empty());
    }
}
