//! One figure over several runs.

/// The least, the middle and the greatest of several runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` without any run.
    pub(crate) fn of(figures: &[f64]) -> Option<Spread> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Spread {
            min,
            median: f64::midpoint(low, high),
            max,
        })
    }

    /// The same for a figure that grows with this one.
    pub(crate) fn each(&self, figure: impl Fn(f64) -> f64) -> Spread {
        Spread {
            min: figure(self.min),
            median: figure(self.median),
            max: figure(self.max),
        }
    }

    /// As `1.23 (1.10–1.40)`, with so many digits behind the point.
    pub(crate) fn shown(&self, digits: usize) -> String {
        let Spread { min, median, max } = self;
        format!("{median:.digits$} ({min:.digits$}–{max:.digits$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_of_runs_lies_between_two() {
        let spread = Spread::of(&[4.0, 1.0, 2.0, 10.0]).expect("four runs");
        assert_eq!((spread.min, spread.median, spread.max), (1.0, 3.0, 10.0));
        assert_eq!(spread.shown(1), "3.0 (1.0–10.0)");
        assert_eq!(Spread::of(&[]), None);
    }
}
