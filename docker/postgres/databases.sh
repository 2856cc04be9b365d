#!/bin/sh
# A database for each server, which its own user alone may open. PostgreSQL's image runs this once, on an empty volume.
set -eu

# psql takes the password from its environment: everybody on the machine reads what is among a command's arguments.
make() {
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set name="$1" --set variable="$2" <<'SQL'
\getenv password :variable
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT, TEMPORARY ON DATABASE :"name" FROM PUBLIC;
SQL
}

make prefect PREFECT_DB_PASSWORD
make mlflow MLFLOW_DB_PASSWORD
make optuna OPTUNA_DB_PASSWORD
