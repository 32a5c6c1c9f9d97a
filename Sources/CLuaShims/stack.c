/* A thread with a stack of known size. */

#include "CLuaShims.h"

#include <pthread.h>

typedef struct thread_request {
  void (*body)(void *context);
  void *context;
} thread_request;

static void *run(void *argument) {
  thread_request *request = argument;
  request->body(request->context);
  return NULL;
}

int mt_run_on_stack(size_t stack, void (*body)(void *context), void *context) {
  pthread_attr_t attributes;
  pthread_t thread;
  thread_request request = {body, context};
  int fault = pthread_attr_init(&attributes);
  if (fault) return fault;
  fault = pthread_attr_setstacksize(&attributes, stack);
  if (!fault) fault = pthread_create(&thread, &attributes, run, &request);
  if (!fault) fault = pthread_join(thread, NULL);
  pthread_attr_destroy(&attributes);
  return fault;
}
