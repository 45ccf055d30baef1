#include "cluster/signals.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void note(int number)
{
    if (stop) _exit(128 + number);
    stop = 1;
}

static void handle(void (*handler)(int))
{
    static const int numbers[] = {SIGTERM, SIGUSR1, SIGINT};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigaddset(&action.sa_mask, numbers[i]);
        sigaction(numbers[i], &action, NULL);
    }
}

void cv_signals_catch(void)
{
    handle(note);
}

void cv_signals_ignore(void)
{
    handle(SIG_IGN);
}

bool cv_signals_stop(void)
{
    return stop != 0;
}
