/* temporary: what killed writers left goes, what living ones have stays, whoever else's is let alone. */
#include "files.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "io/io.h"
#include "io/temporary.h"

/* How many names the folder has; one that begins with .cull- goes to `name`. */
static int entries(char name[256])
{
    int n = 0;
    DIR *d = opendir(files_dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (!strncmp(e->d_name, ".cull-", 6)) strcpy(name, e->d_name);
        n++;
    }
    closedir(d);
    return n - 2;
}

/* A writer that is killed with something written, a folder or a file; the name that it leaves. */
static void leave(bool folder, char name[256])
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull__writer *w;
        char path[512];
        snprintf(path, sizeof path, "%s", in_dir("killed"));
        if (folder) {
            char inner[600];
            if (cull__temporary(in_dir("killed"), S_IFDIR | 0777, path) < 0) _exit(1);
            snprintf(inner, sizeof inner, "%s/x", path);
            close(open(inner, O_CREAT | O_WRONLY, 0666));
            strcat(path, "/killed");
        }
        if (cull__writer_open(cx, path, &w) == CULL_OK && cull__write(cx, w, "x", 1) == CULL_OK)
            raise(SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(entries(name), 1);
}

static void write_one(const char *path)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__writer *w;
    ok(cx, cull__writer_open(cx, path, &w));
    ok(cx, cull__write(cx, w, "y", 1));
    ok(cx, cull__writer_end(cx, w, CULL_OK));
    cull_ctx_free(cx);
}

static void killed(void **state)
{
    (void)state;
    char name[256], here[512];
    assert_non_null(getcwd(here, sizeof here));
    for (int k = 0; k < 3; k++) {
        leave(k > 0, name);
        if (k < 2) {
            write_one(in_dir("next"));
        } else { /* in the folder that we are in */
            assert_int_equal(chdir(files_dir), 0);
            write_one("next");
            assert_int_equal(chdir(here), 0);
        }
        assert_int_equal(entries(name), 1);
        assert_int_equal(unlink(in_dir("next")), 0);
    }
}

/* Another process has a writer and a stage open while we write, and ends them well. */
static void living(void **state)
{
    (void)state;
    int ready[2], go[2], status;
    char name[256], c = 0;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    if (pid == 0) {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull__writer *w;
        char stage[600];
        close(go[1]);
        if (cull__writer_open(cx, in_dir("slow"), &w) != CULL_OK) _exit(1);
        int fd = cull__temporary(in_dir("folder"), S_IFDIR | 0777, stage);
        if (fd < 0 || write(ready[1], "r", 1) != 1 || read(go[0], &c, 1) != 1) _exit(2);
        if (cull__write(cx, w, "slow", 4) != CULL_OK) _exit(3);
        if (cull__writer_end(cx, w, CULL_OK) != CULL_OK) _exit(4);
        if (rename(stage, in_dir("folder")) != 0) _exit(5);
        close(fd);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    write_one(in_dir("quick"));
    cull__temporary_sweep(in_dir("quick"));
    assert_int_equal(entries(name), 3);
    assert_int_equal(write(go[1], "g", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(access(in_dir("slow"), F_OK), 0);
    assert_int_equal(rmdir(in_dir("folder")), 0);
    for (int i = 0; i < 2; i++) close(ready[i]), close(go[i]);
}

/* A child that a writer started before it was killed still has what it opened: the file stays until that ends too. */
static void held_by_a_child(void **state)
{
    (void)state;
    char name[256], c;
    int end[2], status;
    assert_int_equal(pipe(end), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char path[600];
        if (cull__temporary(in_dir("out"), 0666, path) < 0) _exit(1);
        if (fork() == 0) {
            close(end[1]);
            if (read(end[0], &c, 1) != 0) _exit(1);
            _exit(0);
        }
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    cull__temporary_sweep(in_dir("out"));
    assert_int_equal(entries(name), 1);
    close(end[1]);
    close(end[0]);
    for (int i = 0; i < 1000 && entries(name); i++) {
        usleep(10000);
        cull__temporary_sweep(in_dir("out"));
    }
    assert_int_equal(entries(name), 0);
}

/* Of another start of the machine, of another user, or no temporaries at all. */
static void others(void **state)
{
    (void)state;
    char name[256], other[256], was[512];
    leave(false, name);
    snprintf(was, sizeof was, "%s", in_dir(name));
    char *boot = strchr(name + 6, '-') + 1;
    assert_int_equal(strspn(boot, "0123456789abcdef"), 8);
    strcpy(other, name);
    other[boot - name] = (char)(boot[0] == '0' ? '1' : '0');
    assert_int_equal(rename(was, in_dir(other)), 0);
    const char *const like[] = {"~", "-1", ".tmp"};
    for (int i = 0; i < 3; i++) {
        char more[300];
        snprintf(more, sizeof more, "%s%s", name, like[i]);
        spit(more, "x", 1);
    }
    char first = name[6];
    name[6] = '7'; /* other numbers, of processes that are at an end or not */
    assert_int_equal(symlink("target", in_dir(name)), 0);
    spit("target", "x", 1);
    name[6] = '8';
    assert_int_equal(mkfifo(in_dir(name), 0666), 0);
    name[6] = '9';
    spit(name, "x", 1);
    bool another = chown(in_dir(name), 4711, 4711) == 0; /* root alone can give away */
    int before = entries(was);
    cull__temporary_sweep(in_dir("x"));
    assert_int_equal(entries(was), before - !another);
    assert_int_equal(access(in_dir(other), F_OK), 0);
    unlink(in_dir(other));
    for (int i = 7; i < 10; i++) {
        name[6] = (char)('0' + i);
        unlink(in_dir(name));
    }
    name[6] = first;
    for (int i = 0; i < 3; i++) {
        char more[300];
        snprintf(more, sizeof more, "%s%s", name, like[i]);
        assert_int_equal(unlink(in_dir(more)), 0);
    }
}

/* A folder that may be written but not read, one that is not there. */
static void no_folder(void **state)
{
    (void)state;
    int status;
    assert_int_equal(chmod(files_dir, 0333), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && seteuid(65534) != 0) _exit(1);
        write_one(in_dir("out"));
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(files_dir, 0700), 0);
    assert_int_equal(access(in_dir("out"), F_OK), 0);
    cull__temporary_sweep("/nowhere/at/all");
    char path[80];
    assert_int_equal(cull__temporary("/nowhere/x", 0666, path), -1);
}

/* Writers and sweeps of several processes in one folder, as fast as they can: all get their files in place. */
static void at_once(void **state)
{
    (void)state;
    enum { PROCESSES = 4, TURNS = 200 };
    char name[256];
    pid_t pid[PROCESSES];
    for (int p = 0; p < PROCESSES; p++) {
        pid[p] = fork();
        if (pid[p] != 0) continue;
        char path[600], target[100];
        snprintf(target, sizeof target, "%s/%d", files_dir, p);
        for (int i = 0; i < TURNS; i++) {
            if (i % 3 == 1) {
                write_one(target);
                if (unlink(target) != 0) _exit(3);
                continue;
            }
            int fd = cull__temporary(target, i % 3 ? 0666 : S_IFDIR | 0777, path);
            if (fd < 0 || rename(path, target) != 0) _exit(1);
            if (i % 3 ? unlink(target) : rmdir(target)) _exit(2);
            close(fd);
        }
        _exit(0);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int status;
        assert_int_equal(waitpid(pid[p], &status, 0), pid[p]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(entries(name), 0);
}
#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(killed), IN_DIR(living),    IN_DIR(held_by_a_child),
        IN_DIR(others), IN_DIR(no_folder), IN_DIR(at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
