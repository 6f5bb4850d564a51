//! The order of addresses, found faster than by comparing them.

/// Bits of a digit: as many counters as fit into the nearest cache.
const DIGIT: u32 = 11;
const DIGITS: usize = 1 << DIGIT;

/// Below this, comparing is faster.
const FEW: usize = 2048;

/// Positions of the numbers, the smallest number first. At most `u32::MAX` numbers.
pub(super) fn ascending(numbers: impl ExactSizeIterator<Item = u32>) -> Vec<u32> {
    let mut highest = 0;
    // Number above, position below.
    let mut keys: Vec<u64> = numbers
        .zip(0_u64..)
        .map(|(number, position)| {
            highest = highest.max(number);
            u64::from(number) << 32 | position
        })
        .collect();
    if keys.len() < FEW {
        keys.sort_unstable();
    } else {
        let mut other = vec![0; keys.len()];
        let mut shift = 32;
        // Digit by digit from the lowest on; what has the same digit stays in its order.
        while shift < 64 && u64::from(highest) << 32 >> shift > 0 {
            distribute(&keys, &mut other, shift);
            std::mem::swap(&mut keys, &mut other);
            shift += DIGIT;
        }
    }
    keys.into_iter().map(|key| key as u32).collect()
}

/// Copies the keys in the order of the digit that begins at bit `shift`.
fn distribute(keys: &[u64], sorted: &mut [u64], shift: u32) {
    let digit = |key: u64| (key >> shift) as usize % DIGITS;
    let mut places = [0_usize; DIGITS];
    for key in keys {
        places[digit(*key)] += 1;
    }
    let mut next = 0;
    for place in &mut places {
        (*place, next) = (next, next + *place);
    }
    for key in keys {
        let place = &mut places[digit(*key)];
        sorted[*place] = *key;
        *place += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::ascending;

    #[track_caller]
    fn check(numbers: &[u32]) {
        let mut expected: Vec<u32> = (0..numbers.len() as u32).collect();
        expected.sort_by_key(|position| numbers[*position as usize]);
        assert_eq!(ascending(numbers.iter().copied()), expected);
    }

    #[test]
    fn few_numbers() {
        check(&[]);
        check(&[7]);
        check(&[3, 1, 2, 1, u32::MAX, 0]);
    }

    #[test]
    fn many_equal_numbers() {
        check(&vec![0; 5000]);
        check(&vec![u32::MAX; 5000]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn many_numbers(numbers in vec(prop_oneof![0_u32..5000, any::<u32>()], 2000..6000)) {
            check(&numbers);
        }
    }
}
