"""Who walks the query x document matrix: the accumulators of `embedscope.numerics.streaming` see it in blocks."""
