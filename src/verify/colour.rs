//! Device colours as far as it matters whether text stands out from its ground (ISO 32000-2 8.6.4).

/// Parts from 0 to 1 that differ by less look the same.
const ALIKE: f64 = 0.02;

/// A colour in red, green and blue from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Colour([f64; 3]);

impl Colour {
    pub const BLACK: Self = Self([0.0; 3]);
    pub const WHITE: Self = Self([1.0; 3]);

    /// Of the operands of grey, red-green-blue or cyan-magenta-yellow-black; `None` for other numbers of them.
    pub fn of(parts: &[f64]) -> Option<Self> {
        let colour = match *parts {
            [grey] => [grey; 3],
            [red, green, blue] => [red, green, blue],
            [cyan, magenta, yellow, black] => {
                [cyan, magenta, yellow].map(|part| (1.0 - part.clamp(0.0, 1.0)) * (1.0 - black))
            }
            _ => return None,
        };
        Some(Self(colour.map(|part| part.clamp(0.0, 1.0))))
    }

    /// From 0, black, to 1, white.
    pub fn lightness(self) -> f64 {
        let [red, green, blue] = self.0;
        (0.299 * red + 0.587 * green + 0.114 * blue).clamp(0.0, 1.0)
    }

    /// The largest difference of a part.
    pub fn distance(self, other: Self) -> f64 {
        self.0.iter().zip(other.0).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    /// Whether nobody can tell the two apart.
    pub fn is_like(self, other: Self) -> bool {
        self.distance(other) <= ALIKE
    }
}

#[cfg(test)]
mod tests {
    use super::Colour;

    #[test]
    fn colours_are_compared_however_they_are_written() {
        let of = |parts: &[f64]| Colour::of(parts).expect("a colour");
        assert!(of(&[1.0]).is_like(of(&[1.0, 1.0, 1.0])) && of(&[0.0, 0.0, 0.0, 0.0]).is_like(Colour::WHITE));
        assert!(of(&[0.0, 0.0, 0.0, 1.0]).is_like(Colour::BLACK) && !of(&[0.9]).is_like(Colour::WHITE));
        // As light as each other, and told apart.
        assert!(!of(&[1.0, 0.0, 0.0]).is_like(of(&[0.299])));
        assert!((of(&[0.6, 0.75, 0.85]).lightness() - 0.716_55).abs() < 1e-9);
        assert_eq!(Colour::of(&[1.0, 1.0]), None);
    }
}
