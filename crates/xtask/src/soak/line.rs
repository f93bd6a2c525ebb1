//! A straight line through points, by least squares. Knows nothing of what is measured.

/// `y = start + slope * x`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) start: f64,
    pub(super) slope: f64,
}

impl Line {
    /// The line that is nearest to all points; flat when they do not tell a direction.
    pub(super) fn through(points: impl Iterator<Item = (f64, f64)>) -> Line {
        let points: Vec<(f64, f64)> = points.collect();
        let count = points.len().max(1) as f64;
        let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
        let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
        let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        let shared: f64 = points
            .iter()
            .map(|(x, y)| (x - mean_x) * (y - mean_y))
            .sum();
        let slope = if spread > 0.0 { shared / spread } else { 0.0 };
        Line {
            start: mean_y - slope * mean_x,
            slope,
        }
    }

    pub(super) fn at(&self, x: f64) -> f64 {
        self.start + self.slope * x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_through_noise() {
        let points = [(0.0, 11.0), (1.0, 12.0), (2.0, 15.0), (3.0, 16.0)];
        let line = Line::through(points.into_iter());
        assert!((line.slope - 1.8).abs() < 1e-9, "{line:?}");
        assert!((line.at(1.5) - 13.5).abs() < 1e-9, "{line:?}");
        assert!(Line::through([(2.0, 7.0)].into_iter()).slope.abs() < 1e-9);
    }
}
