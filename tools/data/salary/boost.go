package main

import (
	"math"
	"slices"
)

// A forest predicts a quantile of the logarithm of pay: Start plus, of each
// tree, the value of the leaf that a row falls into. It is gradient boosting
// with the quantile's own loss (Friedman, Greedy Function Approximation: A
// Gradient Boosting Machine, Ann. Statist. 29(5), 2001,
// https://doi.org/10.1214/aos/1013203451), trees grown over at most 256 classes
// of a feature, and each leaf the quantile of what is left over in it.
type forest struct {
	Start float64
	Trees []tree
}

// tree has its nodes in a list. Node i goes left when the feature is at most the
// threshold, to node Left[i], else to Left[i]+1; a leaf has feature −1 and its
// value as threshold.
type tree struct {
	Feature   []int8
	Threshold []float32
	Left      []int16
}

func (t *tree) predict(x []float32) float64 {
	i := 0
	for t.Feature[i] >= 0 {
		next := int(t.Left[i])
		if !(x[t.Feature[i]] <= t.Threshold[i]) {
			next++
		}
		i = next
	}
	return float64(t.Threshold[i])
}

func (f *forest) predict(x []float32) float64 {
	y := f.Start
	for i := range f.Trees {
		y += f.Trees[i].predict(x)
	}
	return y
}

// settings of a forest.
type settings struct {
	quantile float64
	trees    int
	leaves   int     // of a tree
	least    int     // rows in a leaf
	rate     float64 // learning rate
	share    float64 // of the rows that a tree sees
}

// train grows a forest. The same input gives the same forest.
func train(x [][]float32, y []float64, s settings) forest {
	b := newBins(x)
	f := forest{Start: quantile(y, s.quantile)}
	at := make([]float64, len(y))
	for i := range at {
		at[i] = f.Start
	}
	rng := uint64(1)
	gradient := make([]float64, len(y))
	for range s.trees {
		rows := make([]int32, 0, len(y))
		for i := range y {
			rng = rng*6364136223846793005 + 1442695040888963407
			if float64(rng>>11)/(1<<53) < s.share {
				rows = append(rows, int32(i))
			}
			gradient[i] = s.quantile
			if y[i] <= at[i] {
				gradient[i]--
			}
		}
		t := grow(b, rows, gradient, s, func(rows []int32) float64 {
			left := make([]float64, len(rows))
			for i, r := range rows {
				left[i] = y[r] - at[r]
			}
			return s.rate * quantile(left, s.quantile)
		})
		for i := range at {
			at[i] += t.predict(x[i])
		}
		f.Trees = append(f.Trees, t)
	}
	return f
}

// bins are the features cut into classes.
type bins struct {
	class [][]uint8   // by feature, row
	edges [][]float32 // by feature: the upper ends of the classes
}

func newBins(x [][]float32) *bins {
	b := &bins{}
	for f := range x[0] {
		values := make([]float32, len(x))
		for i := range x {
			values[i] = x[i][f]
		}
		distinct := slices.Clone(values)
		slices.Sort(distinct)
		sorted := slices.Clone(distinct)
		distinct = slices.Compact(distinct)
		if len(distinct) > 255 {
			distinct = distinct[:0]
			for k := 1; k <= 255; k++ {
				distinct = append(distinct, sorted[k*(len(sorted)-1)/255])
			}
			distinct = slices.Compact(distinct)
		}
		class := make([]uint8, len(x))
		for i, v := range values {
			at, _ := slices.BinarySearch(distinct, v)
			class[i] = uint8(min(at, len(distinct)-1))
		}
		b.class, b.edges = append(b.class, class), append(b.edges, distinct)
	}
	return b
}

// leaf is a leaf that may be split.
type leaf struct {
	rows    []int32
	node    int
	gain    float64
	feature int
	class   int
}

// grow grows a tree, the best leaf first.
func grow(b *bins, rows []int32, gradient []float64, s settings, value func([]int32) float64) tree {
	t := tree{Feature: []int8{-1}, Threshold: []float32{0}, Left: []int16{0}}
	open := []leaf{best(b, leaf{rows: rows}, gradient, s)}
	for len(open) < s.leaves {
		at := 0
		for i := range open {
			if open[i].gain > open[at].gain {
				at = i
			}
		}
		l := open[at]
		if l.gain <= 0 {
			break
		}
		var low, high []int32
		for _, r := range l.rows {
			if int(b.class[l.feature][r]) <= l.class {
				low = append(low, r)
			} else {
				high = append(high, r)
			}
		}
		first := len(t.Feature)
		t.Feature[l.node], t.Threshold[l.node], t.Left[l.node] = int8(l.feature), b.edges[l.feature][l.class], int16(first)
		t.Feature, t.Threshold, t.Left = append(t.Feature, -1, -1), append(t.Threshold, 0, 0), append(t.Left, 0, 0)
		open[at] = best(b, leaf{rows: low, node: first}, gradient, s)
		open = append(open, best(b, leaf{rows: high, node: first + 1}, gradient, s))
	}
	for _, l := range open {
		t.Threshold[l.node] = float32(value(l.rows))
	}
	return t
}

// best finds the split of a leaf that lowers the loss most.
func best(b *bins, l leaf, gradient []float64, s settings) leaf {
	const ridge = 5
	total := 0.
	for _, r := range l.rows {
		total += gradient[r]
	}
	n := float64(len(l.rows))
	whole := total * total / (n + ridge)
	var sums, counts [256]float64
	for f, class := range b.class {
		clear(sums[:])
		clear(counts[:])
		for _, r := range l.rows {
			sums[class[r]] += gradient[r]
			counts[class[r]]++
		}
		sum, count := 0., 0.
		for c := range len(b.edges[f]) - 1 {
			sum += sums[c]
			count += counts[c]
			if count < float64(s.least) || n-count < float64(s.least) {
				continue
			}
			gain := sum*sum/(count+ridge) + (total-sum)*(total-sum)/(n-count+ridge) - whole
			if gain > l.gain+1e-9 {
				l.gain, l.feature, l.class = gain, f, c
			}
		}
	}
	return l
}

// quantile is that of the values, by linear interpolation; it sorts a copy.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Clone(values)
	slices.Sort(v)
	at := q * float64(len(v)-1)
	low := int(math.Floor(at))
	high := min(low+1, len(v)-1)
	return v[low] + (at-float64(low))*(v[high]-v[low])
}
