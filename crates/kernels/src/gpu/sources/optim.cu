// From gradients to parameters, over all parameters at once as flat arrays of n values.
//
// A step: gradient_squares (any grid of 256 threads; partial[block], f64), decide (one block of 256), then one of
// the rules (any grid and block), then advance (one block of 32). The numbers that change from step to step come
// from a table that the state's step indexes, so that captured work needs no change.

struct Rates {
    // SGD: learning rate. Adam: learning rate over 1 - beta1^t; root of 1 - beta2^t; 1 - rate * weight decay.
    float rate, root, keep, unused;
    // Longest gradient, 0 for none.
    double clip;
};

__device__ inline double block_sum(double sum) {
    __shared__ double sums[8];
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
    __syncthreads();
    double total = 0.0;
    for (int i = 0; i < 8; i++) total += sums[i];
    return total;
}

extern "C" __global__ void __launch_bounds__(256) gradient_squares(double *partial, const float *gradient, int n) {
    double sum = 0.0;
    for (int i = (int)(blockIdx.x * 256 + threadIdx.x); i < n; i += (int)gridDim.x * 256) sum += (double)gradient[i] * (double)gradient[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// Whether this step updates, and by how much its gradient is shortened.
extern "C" __global__ void __launch_bounds__(256) decide(State *state, Record *records, const double *partial, const Rates *rates, int blocks) {
    double squares = 0.0;
    for (int i = (int)threadIdx.x; i < blocks; i += 256) squares += partial[i];
    squares = block_sum(squares);
    if (threadIdx.x != 0) return;
    Record *record = records + state->step;
    double clip = rates[state->step].clip, norm = sqrt(squares);
    // A difference with itself is 0 for numbers alone.
    bool finite = record->loss - record->loss == 0.0 && squares - squares == 0.0;
    bool whole = state->failed == 0;
    record->refused = whole && !finite;
    record->overflowed = 0;
    record->done = whole;
    if (!finite) state->failed = 1;
    state->update = whole && finite;
    state->shrink = clip > 0.0 && norm > clip ? (float)(clip / norm) : 1.0f;
}

__device__ inline bool finite(float value) { return (float_to_bits(value) & 0x7F800000u) != 0x7F800000u; }

// Every thread that sees it writes the same, so the order does not matter.
__device__ inline void overflow(State *state, Record *records) {
    records[state->step].overflowed = 1;
    state->failed = 1;
}

// g <- shrink g + l2 p; v <- momentum v + g; p <- p - rate v. `copy`, where given, is p in bf16.
extern "C" __global__ void sgd(float *params, float *velocity, const float *gradient, bf16 *copy, State *state, Record *records, const Rates *rates, float momentum, float l2, int n) {
    if (state->update == 0) return;
    float rate = rates[state->step].rate, shrink = state->shrink;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        float p = params[i], v = momentum * velocity[i] + (gradient[i] * shrink + l2 * p);
        p -= rate * v;
        velocity[i] = v;
        params[i] = p;
        if (copy) copy[i] = narrow<bf16>(p);
        if (!finite(p)) overflow(state, records);
    }
}

// g <- shrink g + l2 p; m <- beta1 m + rest1 g; v <- beta2 v + rest2 g^2; p <- keep p - rate m / (root(v) / root + epsilon).
extern "C" __global__ void adam(float *params, float *first, float *second, const float *gradient, bf16 *copy, State *state, Record *records, const Rates *rates, float beta1, float beta2, float rest1, float rest2, float epsilon, float l2, int n) {
    if (state->update == 0) return;
    Rates now = rates[state->step];
    float shrink = state->shrink;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        float p = params[i], g = gradient[i] * shrink + l2 * p;
        float m = beta1 * first[i] + rest1 * g, v = beta2 * second[i] + rest2 * (g * g);
        p = now.keep * p - now.rate * m / (sqrtf(v) / now.root + epsilon);
        first[i] = m;
        second[i] = v;
        params[i] = p;
        if (copy) copy[i] = narrow<bf16>(p);
        if (!finite(p) || !finite(v)) overflow(state, records);
    }
}

extern "C" __global__ void advance(State *state) {
    if (threadIdx.x == 0) state->step += 1;
}
