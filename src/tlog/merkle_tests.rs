#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;

/// The definition in RFC 6962 2.1, word for word.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let k = usize::try_from(split(leaves.len() as u64)).unwrap();
            node_hash(&mth(&leaves[..k]), &mth(&leaves[k..]))
        }
    }
}

struct Leaves(Vec<Hash>);

impl HashSource for Leaves {
    fn subtree(&self, height: u32, index: u64) -> Result<Hash, ProofError> {
        let from = usize::try_from(index << height).unwrap();
        let leaves = self.0.get(from..from + (1 << height));
        leaves.map(mth).ok_or_else(|| ProofError::Missing(format!("{height}/{index}")))
    }
}

fn leaves(n: u8) -> Leaves {
    Leaves((0..n).map(|i| leaf_hash(&[i])).collect())
}

#[test]
fn known_answers_of_rfc_6962() {
    // Test vectors shared by the Certificate Transparency implementations.
    assert_eq!(hex::encode(empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(
        hex::encode(leaf_hash(b"")),
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    );
    let inputs =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    let all: Vec<Hash> = inputs.iter().map(|i| leaf_hash(&hex::decode(i).unwrap())).collect();
    let root = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";
    assert_eq!(hex::encode(mth(&all)), root);
    let mut range = Range::new();
    all.into_iter().for_each(|leaf| range.push(leaf));
    assert_eq!(hex::encode(range.root()), root);
}

#[test]
fn the_range_gives_the_root_of_every_size() {
    let all = leaves(70);
    let mut range = Range::new();
    for n in 0..=70_u64 {
        let so_far = &all.0[..usize::try_from(n).unwrap()];
        assert_eq!(range.root(), mth(so_far), "{n}");
        assert_eq!(root(&all, n).unwrap(), mth(so_far), "{n}");
        assert_eq!(Range::from_bytes(&range.to_bytes()), Some(range.clone()));
        range.push(leaf_hash(&[u8::try_from(n).unwrap()]));
    }
    assert_eq!(Range::from_parts(3, vec![[0; 32]]), None);
    assert_eq!(Range::from_bytes(&[0; 7]), None);
}

#[test]
fn every_leaf_is_proved_in_every_tree_and_nothing_else() {
    let all = leaves(40);
    for size in 1..=40_u64 {
        let root = root(&all, size).unwrap();
        for number in 0..size {
            let leaf = all.0[usize::try_from(number).unwrap()];
            let path = inclusion(&all, number, size).unwrap();
            assert_eq!(verify_inclusion(&leaf, number, size, &path, &root), Ok(()), "{number} of {size}");
            let other = leaf_hash(b"other");
            assert!(verify_inclusion(&other, number, size, &path, &root).is_err());
            let moved = (number + 1) % size;
            assert!(moved == number || verify_inclusion(&leaf, moved, size, &path, &root).is_err());
            let mut longer = path.clone();
            longer.push([0; 32]);
            assert!(verify_inclusion(&leaf, number, size, &longer, &root).is_err());
            if let Some((_, shorter)) = path.split_last() {
                assert!(verify_inclusion(&leaf, number, size, shorter, &root).is_err());
            }
        }
        assert_eq!(inclusion(&all, size, size), Err(ProofError::OutOfRange(size)));
    }
}

#[test]
fn every_tree_is_proved_to_grow_into_every_later_one() {
    let all = leaves(40);
    let fork = Leaves((0..40).map(|i| leaf_hash(&[i, 1])).collect());
    for new in 0..=40_u64 {
        let new_root = root(&all, new).unwrap();
        for old in 0..=new {
            let old_root = root(&all, old).unwrap();
            let proof = consistency(&all, old, new).unwrap();
            assert_eq!(verify_consistency(old, new, &old_root, &new_root, &proof), Ok(()), "{old} to {new}");
            if old > 0 {
                let forked = root(&fork, old).unwrap();
                assert!(verify_consistency(old, new, &forked, &new_root, &proof).is_err());
                let forked = root(&fork, new).unwrap();
                assert!(verify_consistency(old, new, &old_root, &forked, &proof).is_err());
                let mut longer = proof.clone();
                longer.push([0; 32]);
                assert!(verify_consistency(old, new, &old_root, &new_root, &longer).is_err());
            }
        }
    }
}
