/* SPDX-License-Identifier: MIT
 *
 * Kernels of factorisations, included once for each floating type, with LAPACK_REAL the type,
 * LAPACK(name) the function's name and LAPACK_ROUTINE(name) LAPACKE's function. A kernel without
 * work space returns how many bytes it takes. Work space holds elements, then integers.
 */

static const LAPACK_REAL *LAPACK(in)(const char *at)
{
    return (const LAPACK_REAL *)(const void *)at;
}

static LAPACK_REAL *LAPACK(out)(char *at)
{
    return (LAPACK_REAL *)(void *)at;
}

/* to (columns, rows) ← the transpose of from (rows, columns) */
static void LAPACK(turn)(int64_t rows, int64_t columns, const LAPACK_REAL *from, LAPACK_REAL *to)
{
    for (int64_t j = 0; j < columns; j++)
        for (int64_t i = 0; i < rows; i++)
            to[j * rows + i] = from[i * columns + j];
}

static bool LAPACK(finite)(int64_t n, const LAPACK_REAL *at)
{
    bool finite = true;
    for (int64_t i = 0; i < n; i++)
        finite = finite && isfinite(at[i]);
    return finite;
}

/* --- LU --- */

/* work: the factors, then pivots. Returns LAPACK's number. */
static int64_t LAPACK(lu)(const tp__lapack *job, LAPACK_REAL *lu, lapack_int *pivots)
{
    lapack_int n = (lapack_int)job->n;
    memcpy(lu, job->a, (size_t)(job->n * job->n) * sizeof *lu);
    return LAPACK_ROUTINE(getrf)(LAPACK_COL_MAJOR, n, n, lu, lapack_ld(n), pivots);
}

static int64_t LAPACK(inverse)(const tp__lapack *job)
{
    int64_t n = job->n, room = LAPACK_BLOCK * n;
    if (!job->work)
        return lapack_bytes(room, sizeof(LAPACK_REAL), n);
    LAPACK_REAL *work = LAPACK(out)(job->work), *out = LAPACK(out)(job->out);
    lapack_int *pivots = (lapack_int *)(void *)(work + room);
    int64_t info = LAPACK(lu)(job, out, pivots);
    return info ? info
                : LAPACK_ROUTINE(getri)(LAPACK_COL_MAJOR, (lapack_int)n, out, lapack_ld(n), pivots,
                                        work, (lapack_int)room);
}

static int64_t LAPACK(solve)(const tp__lapack *job)
{
    int64_t n = job->n, r = job->r;
    if (!job->work)
        return lapack_bytes(n * (n + r), sizeof(LAPACK_REAL), n);
    LAPACK_REAL *lu = LAPACK(out)(job->work), *x = lu + n * n;
    lapack_int *pivots = (lapack_int *)(void *)(x + n * r);
    int64_t info = LAPACK(lu)(job, lu, pivots);
    if (info)
        return info;
    LAPACK(turn)(n, r, LAPACK(in)(job->b), x);
    info = LAPACK_ROUTINE(getrs)(LAPACK_COL_MAJOR, 'T', (lapack_int)n, (lapack_int)r, lu,
                                 lapack_ld(n), pivots, x, lapack_ld(n));
    LAPACK(turn)(r, n, x, LAPACK(out)(job->out));
    return info;
}

/* The sign of the determinant and the factors' diagonal, every n + 1 elements of lu. */
static double LAPACK(sign)(const tp__lapack *job, LAPACK_REAL *lu)
{
    lapack_int *pivots = (lapack_int *)(void *)(lu + job->n * job->n);
    double sign = 1;
    LAPACK(lu)(job, lu, pivots);
    for (int64_t i = 0; i < job->n; i++)
        sign = pivots[i] == i + 1 ? sign : -sign;
    return sign;
}

static int64_t LAPACK(det)(const tp__lapack *job)
{
    int64_t n = job->n;
    if (!job->work)
        return lapack_bytes(n * n, sizeof(LAPACK_REAL), n);
    LAPACK_REAL *lu = LAPACK(out)(job->work);
    double product = LAPACK(sign)(job, lu);
    for (int64_t i = 0; i < n; i++)
        product *= (double)lu[i * (n + 1)];
    *LAPACK(out)(job->out) = (LAPACK_REAL)product;
    return 0;
}

static int64_t LAPACK(slogdet)(const tp__lapack *job)
{
    int64_t n = job->n;
    if (!job->work)
        return lapack_bytes(n * n, sizeof(LAPACK_REAL), n);
    LAPACK_REAL *lu = LAPACK(out)(job->work), *out = LAPACK(out)(job->out);
    double sign = LAPACK(sign)(job, lu), sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double pivot = (double)lu[i * (n + 1)];
        sign *= pivot > 0 ? 1 : pivot < 0 ? -1 : pivot;
        sum += log(fabs(pivot));
    }
    out[0] = (LAPACK_REAL)sign;
    out[1] = (LAPACK_REAL)sum;
    return 0;
}

/* --- Triangles and QR --- */

static int64_t LAPACK(triangular)(const tp__lapack *job)
{
    int64_t n = job->n, r = job->r;
    if (!job->work)
        return lapack_bytes(n * r, sizeof(LAPACK_REAL), 0);
    LAPACK_REAL *x = LAPACK(out)(job->work);
    LAPACK(turn)(n, r, LAPACK(in)(job->b), x);
    int64_t info =
        LAPACK_ROUTINE(trtrs)(LAPACK_COL_MAJOR, job->mode & TP__LAPACK_UPPER ? 'L' : 'U', 'T',
                              job->mode & TP__LAPACK_UNIT ? 'U' : 'N', (lapack_int)n, (lapack_int)r,
                              LAPACK(in)(job->a), lapack_ld(n), x, lapack_ld(n));
    LAPACK(turn)(r, n, x, LAPACK(out)(job->out));
    return info;
}

static int64_t LAPACK(cholesky)(const tp__lapack *job)
{
    int64_t n = job->n;
    if (!job->work)
        return lapack_bytes(0, sizeof(LAPACK_REAL), 0);
    LAPACK_REAL *out = LAPACK(out)(job->out);
    memcpy(out, job->a, (size_t)(n * n) * sizeof *out);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++)
            out[i * n + j] = 0;
    if (!LAPACK(finite)(n * n, out))
        return TP__LAPACK_NOT_FINITE;
    int64_t info = LAPACK_ROUTINE(potrf)(LAPACK_COL_MAJOR, 'U', (lapack_int)n, out, lapack_ld(n));
    for (int64_t i = 0; i < n && !info; i++)
        info = out[i * (n + 1)] > 0 ? 0 : i + 1; /* NaN of what overflows, which some let pass */
    return info;
}

/* out: Q (m, k), then R (k, n) */
static int64_t LAPACK(qr)(const tp__lapack *job)
{
    int64_t m = job->m, n = job->n, k = lapack_least(job), room = LAPACK_BLOCK * n;
    if (!job->work)
        return lapack_bytes(m * n + k + room, sizeof(LAPACK_REAL), 0);
    LAPACK_REAL *a = LAPACK(out)(job->work), *tau = a + m * n, *work = tau + k;
    LAPACK_REAL *q = LAPACK(out)(job->out), *r = q + m * k;
    LAPACK(turn)(m, n, LAPACK(in)(job->a), a);
    if (!LAPACK(finite)(m * n, a))
        return TP__LAPACK_NOT_FINITE;
    int64_t info = LAPACK_ROUTINE(geqrf)(LAPACK_COL_MAJOR, (lapack_int)m, (lapack_int)n, a,
                                         lapack_ld(m), tau, work, (lapack_int)room);
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < n; j++)
            r[i * n + j] = j < i ? 0 : a[j * m + i];
    if (!info)
        info = LAPACK_ROUTINE(orgqr)(LAPACK_COL_MAJOR, (lapack_int)m, (lapack_int)k, (lapack_int)k,
                                     a, lapack_ld(m), tau, work, (lapack_int)room);
    LAPACK(turn)(k, m, a, q);
    return info;
}

/* --- Eigenvalues and singular values --- */

static int64_t LAPACK(symmetric)(const tp__lapack *job, bool vectors)
{
    int64_t n = job->n, room = lapack_eigh_work(n, vectors), integers = 3 + 5 * n;
    if (!job->work)
        return lapack_bytes(n * n + room, sizeof(LAPACK_REAL), integers);
    LAPACK_REAL *z = LAPACK(out)(job->work), *work = z + n * n;
    LAPACK_REAL *w = LAPACK(out)(job->out);
    memcpy(z, job->a, (size_t)(n * n) * sizeof *z);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++)
            z[i * n + j] = z[j * n + i];
    if (!LAPACK(finite)(n * n, z))
        return TP__LAPACK_NOT_FINITE;
    int64_t info = LAPACK_ROUTINE(syevd)(LAPACK_COL_MAJOR, vectors ? 'V' : 'N', 'U', (lapack_int)n,
                                         z, lapack_ld(n), w, work, (lapack_int)room,
                                         (lapack_int *)(void *)(work + room), (lapack_int)integers);
    if (vectors)
        LAPACK(turn)(n, n, z, w + n);
    return info;
}

/* out: w (n), then V (n, n) */
static int64_t LAPACK(eigh)(const tp__lapack *job)
{
    return LAPACK(symmetric)(job, true);
}

static int64_t LAPACK(eigvalsh)(const tp__lapack *job)
{
    return LAPACK(symmetric)(job, false);
}

/* The transpose's left vectors are the right ones. out: U (m, k), S (k), Vᵀ (k, n), or S */
static int64_t LAPACK(singular)(const tp__lapack *job, bool vectors)
{
    int64_t m = job->m, n = job->n, k = lapack_least(job), room = lapack_svd_work(job);
    if (!job->work)
        return lapack_bytes(m * n + room, sizeof(LAPACK_REAL), 8 * k);
    LAPACK_REAL *a = LAPACK(out)(job->work), *work = a + m * n;
    LAPACK_REAL *u = LAPACK(out)(job->out), *s = vectors ? u + m * k : u, *v = s + k;
    memcpy(a, job->a, (size_t)(m * n) * sizeof *a);
    if (!LAPACK(finite)(m * n, a))
        return TP__LAPACK_NOT_FINITE;
    return LAPACK_ROUTINE(gesdd)(
        LAPACK_COL_MAJOR, vectors ? 'S' : 'N', (lapack_int)n, (lapack_int)m, a, lapack_ld(n), s, v,
        lapack_ld(n), u, lapack_ld(k), work, (lapack_int)room, (lapack_int *)(void *)(work + room));
}

static int64_t LAPACK(svd)(const tp__lapack *job)
{
    return LAPACK(singular)(job, true);
}

static int64_t LAPACK(svdvals)(const tp__lapack *job)
{
    return LAPACK(singular)(job, false);
}

#undef LAPACK_REAL
#undef LAPACK
#undef LAPACK_ROUTINE
