//! Treemaps: areas in proportion to sizes.

/// A rectangle, in the units of the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    /// The area without a margin on each side, and without `top` more above.
    pub(super) fn inside(self, margin: f64, top: f64) -> Self {
        Self {
            x: self.x + margin,
            y: self.y + margin + top,
            width: (self.width - 2.0 * margin).max(0.0),
            height: (self.height - 2.0 * margin - top).max(0.0),
        }
    }
}

/// Divides an area in proportion to `sizes`, which are in descending order, into rectangles that are nearly square: rows are
/// filled along the shorter side as long as that makes them squarer (Bruls, Huizing and van Wijk, 2000).
pub(super) fn squarify(sizes: &[f64], within: Area) -> Vec<Area> {
    let total: f64 = sizes.iter().sum();
    let scale = if total > 0.0 { within.width * within.height / total } else { 0.0 };
    let areas: Vec<f64> = sizes.iter().map(|size| size * scale).collect();
    let (mut placed, mut free, mut rest) = (Vec::with_capacity(sizes.len()), within, &areas[..]);
    while !rest.is_empty() {
        let side = free.width.min(free.height);
        let mut count = 1;
        let mut sum: f64 = rest.iter().take(1).sum();
        for next in rest.iter().skip(1) {
            let (first, last) = (rest.first().copied().unwrap_or(0.0), rest.get(count - 1).copied().unwrap_or(0.0));
            if worst((first, last), sum, side) < worst((first, *next), sum + next, side) {
                break;
            }
            (count, sum) = (count + 1, sum + next);
        }
        let (row, others) = rest.split_at(count);
        free = place(row, sum, free, &mut placed);
        rest = others;
    }
    placed
}

/// The worst ratio of sides in a row of areas whose largest and smallest are given.
fn worst((largest, smallest): (f64, f64), sum: f64, side: f64) -> f64 {
    let square = (side / sum.max(f64::MIN_POSITIVE)).powi(2);
    (largest * square).max(1.0 / (smallest * square).max(f64::MIN_POSITIVE))
}

/// Places a row along the shorter side, and returns what stays free.
fn place(row: &[f64], sum: f64, free: Area, placed: &mut Vec<Area>) -> Area {
    let wide = free.width >= free.height;
    let side = if wide { free.height } else { free.width };
    let thickness = if side > 0.0 { sum / side } else { 0.0 };
    let mut along = 0.0;
    for area in row {
        let length = if thickness > 0.0 { area / thickness } else { 0.0 };
        placed.push(match wide {
            true => Area { x: free.x, y: free.y + along, width: thickness, height: length },
            false => Area { x: free.x + along, y: free.y, width: length, height: thickness },
        });
        along += length;
    }
    match wide {
        true => Area { x: free.x + thickness, width: (free.width - thickness).max(0.0), ..free },
        false => Area { y: free.y + thickness, height: (free.height - thickness).max(0.0), ..free },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectangles_have_areas_in_proportion_and_fill_the_whole() {
        let whole = Area { x: 0.0, y: 0.0, width: 6.0, height: 4.0 };
        let placed = squarify(&[6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0], whole);
        let areas: Vec<String> = placed.iter().map(|area| format!("{:.3}", area.width * area.height)).collect();
        assert_eq!(areas, ["6.000", "6.000", "4.000", "3.000", "2.000", "2.000", "1.000"]);
        // The example of the paper.
        assert_eq!(placed[0], Area { x: 0.0, y: 0.0, width: 3.0, height: 2.0 });
        assert_eq!(placed[1], Area { x: 0.0, y: 2.0, width: 3.0, height: 2.0 });
    }

    #[test]
    fn sizes_of_nothing_are_placed_too() {
        let whole = Area { x: 0.0, y: 0.0, width: 6.0, height: 4.0 };
        assert_eq!(squarify(&[0.0, 0.0], whole).len(), 2);
        assert_eq!(squarify(&[5.0, 0.0], whole)[0], whole);
        assert!(squarify(&[], whole).is_empty());
        assert!(squarify(&[3.0, 1.0], Area::default()).iter().all(|area| area.width.is_finite()));
    }
}
